// Command virt-handlers is the virt-handlers of a simulated fleet as far as a
// scraper can see: a TLS server for each node on a loopback address of its own,
// with the expositions of test/fleet/exposition, which says what is simulated of
// them. Of virt-handler as such nothing but its limit of concurrent requests is:
// a real one takes a second or more to ask its launchers.
//
// Time stands still between two scrapes: a node's counters grow by one --interval
// for each interval since its first scrape. So responses can be compressed ahead
// (--rounds), and compressing takes no CPU time from what is being measured.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"guest-metrics-server/test/certificate"
	"guest-metrics-server/test/fleet/exposition"
	"guest-metrics-server/test/fleet/world"
)

type options struct {
	fleet            world.Fleet
	templates, guest string
	interval         time.Duration
	rounds           int
	caFile, listen   string
}

func main() {
	var o options
	flag.IntVar(&o.fleet.VMIs, "vmis", 1000, "number of VMIs, a multiple of --per-node")
	flag.IntVar(&o.fleet.PerNode, "per-node", 50, "number of VMIs on a node")
	flag.StringVar(&o.templates, "templates", "pkg/domainstats/testdata/versions/v1.9", "directory of the template: first.txt and second.txt")
	flag.StringVar(&o.guest, "guest", "web-0", "the template's guest that all VMIs are like")
	flag.DurationVar(&o.interval, "interval", 15*time.Second, "interval of scrapes")
	flag.IntVar(&o.rounds, "rounds", 0, "number of scrapes of each node to compress the responses of ahead (about 37 kB and 5 ms each); later ones are compressed when they are asked for")
	flag.StringVar(&o.caFile, "ca-file", "", "where to write the authority that the nodes' certificate is verified with, when all is ready")
	flag.StringVar(&o.listen, "control", "127.0.0.1:8480", "address to serve /hang?every=N on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "virt-handlers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	f, err := newFleet(o)
	if err != nil {
		return err
	}
	serving, caPEM, err := certificate.NewServer("virt-handler." + world.KubeVirtNamespace + ".svc")
	if err != nil {
		return err
	}
	debug.SetGCPercent(20) // Nearly all of the heap is responses that stay.
	f.compressAhead(ctx, o.rounds)
	failed := make(chan error, o.fleet.Nodes()+1)
	server := &http.Server{
		Handler:           f,
		ReadHeaderTimeout: 10 * time.Second,
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1 only, as virt-handler.
		TLSConfig: &tls.Config{
			MinVersion:   tls.VersionTLS12,
			ClientAuth:   tls.VerifyClientCertIfGiven,
			Certificates: []tls.Certificate{serving},
		},
	}
	defer server.Close()
	for node := range o.fleet.Nodes() {
		address := net.JoinHostPort(world.NodeIP(node), strconv.Itoa(world.MetricsPort))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("listen for %s: %w", world.NodeName(node), err)
		}
		go func() { failed <- server.ServeTLS(listener, "", "") }()
	}
	control := &http.Server{Addr: o.listen, Handler: f.control(), ReadHeaderTimeout: 10 * time.Second}
	defer control.Close()
	go func() { failed <- control.ListenAndServe() }()
	// Who waits for the file knows that everything listens.
	if err := os.WriteFile(o.caFile, caPEM, 0o600); err != nil {
		return fmt.Errorf("write --ca-file: %w", err)
	}
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		return nil
	}
}

// newFleet reads the template and makes the nodes.
func newFleet(o options) (*fleet, error) {
	first, err1 := os.ReadFile(filepath.Join(o.templates, "first.txt"))
	second, err2 := os.ReadFile(filepath.Join(o.templates, "second.txt"))
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("read the template in --templates: %w", err)
	}
	template, err := exposition.NewTemplate(o.fleet, first, second, o.guest)
	if err != nil {
		return nil, err
	}
	f := &fleet{template: template, interval: o.interval, byIP: make(map[string]*node)}
	f.compressors.New = func() any { return newCompressor() }
	for i := range o.fleet.Nodes() {
		n := &node{number: i}
		f.nodes = append(f.nodes, n)
		f.byIP[world.NodeIP(i)] = n
	}
	return f, nil
}
