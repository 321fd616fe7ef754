// Command virt-handlers is the virt-handlers of a simulated fleet as far as a
// scraper can see: a TLS server for each node on a loopback address of its own,
// with the pages of test/fleet/page. It says there what is simulated of a page;
// of virt-handler as such nothing but its limit of concurrent requests is: it
// does not take the second or more that a real one needs to ask its launchers
// (--answer-after adds it).
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
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"guest-metrics-server/test/certificate"
	"guest-metrics-server/test/fleet/page"
	"guest-metrics-server/test/fleet/world"
)

type options struct {
	fleet          world.Fleet
	pages, guest   string
	caFile, listen string
	answerAfter    time.Duration
}

func main() {
	var o options
	flag.IntVar(&o.fleet.VMIs, "vmis", 1000, "number of VMIs, a multiple of --per-node")
	flag.IntVar(&o.fleet.PerNode, "per-node", 50, "number of VMIs on a node")
	flag.StringVar(&o.pages, "pages", "pkg/provider/testdata/pages/v1.9", "directory of the template: first.txt and second.txt")
	flag.StringVar(&o.guest, "guest", "web-0", "the template's guest that all VMIs are like")
	flag.StringVar(&o.caFile, "ca-file", "", "where to write the authority that the nodes' certificate is verified with")
	flag.StringVar(&o.listen, "control", "127.0.0.1:8480", "address to serve /stats and /hang?every=N on")
	flag.DurationVar(&o.answerAfter, "answer-after", 0, "time that a node takes to answer; real ones take 1.2s or more")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "virt-handlers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	h, err := newHandlers(o)
	if err != nil {
		return err
	}
	serving, authority, err := certificate.NewServer("virt-handler." + world.KubeVirtNamespace + ".svc")
	if err != nil {
		return err
	}
	failed := make(chan error, o.fleet.Nodes()+1)
	server := &http.Server{
		Handler:           h,
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
	control := &http.Server{Addr: o.listen, Handler: h.control(), ReadHeaderTimeout: 10 * time.Second}
	defer control.Close()
	go func() { failed <- control.ListenAndServe() }()
	// Who waits for the file knows that everything listens.
	if err := os.WriteFile(o.caFile, authority, 0o600); err != nil {
		return fmt.Errorf("write --ca-file: %w", err)
	}
	fmt.Printf("%d nodes with %d VMIs; a page has %d bytes, gzipped %d\n",
		o.fleet.Nodes(), o.fleet.PerNode, h.template.TextBytes(), h.template.GzipBytes())
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		return nil
	}
}

// handlers serves the pages of all nodes.
type handlers struct {
	template    *page.Template
	nodes       []*node
	byIP        map[string]*node
	start       time.Time
	answerAfter time.Duration

	hangEvery     atomic.Int64 // Every so manieth node hangs; 0 for none.
	served, busy  atomic.Int64
	renderedNanos atomic.Int64
}

// maxRequestsInFlight is the default of virt-handler's --max-metric-requests.
const maxRequestsInFlight = 3

type node struct {
	*page.Node
	number   int64
	inFlight atomic.Int32
}

func newHandlers(o options) (*handlers, error) {
	first, err1 := os.ReadFile(filepath.Join(o.pages, "first.txt"))
	second, err2 := os.ReadFile(filepath.Join(o.pages, "second.txt"))
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("read the template in --pages: %w", err)
	}
	template, err := page.NewTemplate(o.fleet, first, second, o.guest)
	if err != nil {
		return nil, err
	}
	h := &handlers{template: template, byIP: make(map[string]*node), start: time.Now(), answerAfter: o.answerAfter}
	for i := range o.fleet.Nodes() {
		n := &node{Node: template.Node(i), number: int64(i)}
		h.nodes = append(h.nodes, n)
		h.byIP[world.NodeIP(i)] = n
	}
	return h, nil
}

// ServeHTTP answers for the node whose address was dialled.
func (h *handlers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || r.URL.Path != "/metrics" {
		http.NotFound(w, r)
		return
	}
	n := h.byIP[local.IP.String()]
	defer n.inFlight.Add(-1)
	if n.inFlight.Add(1) > maxRequestsInFlight {
		h.busy.Add(1)
		http.Error(w, fmt.Sprintf("Limit of concurrent requests reached (%d), try again later.", maxRequestsInFlight),
			http.StatusServiceUnavailable)
		return
	}
	if every := h.hangEvery.Load(); every > 0 && n.number%every == every-1 {
		<-r.Context().Done()
		return
	}
	if h.answerAfter > 0 {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(h.answerAfter):
		}
	}
	h.servePage(w, r, n)
}
