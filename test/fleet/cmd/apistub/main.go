// Command apistub is a stub of a Kubernetes API server, for fleets that are too
// large for a real one on this machine. It answers the lists and watches that
// guest-metrics-server makes (JSON, protobuf, metadata only; paged, or streamed
// by sendInitialEvents) for the objects of test/fleet/world, and the discovery
// that leads to them.
//
// What is simulated: objects are text templates, about as large as real ones,
// with names put in. Nothing is stored. Watches tell of each
// VMI and launcher pod once in --change-interval, as changed by nothing but its
// version. Selectors know but the labels that tell a kind of pods apart. EVERYONE IS WHO THEY SAY
// AND MAY DO EVERYTHING: TokenReview and SubjectAccessReview answer yes.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"guest-metrics-server/test/certificate"
	"guest-metrics-server/test/fleet/world"
)

type options struct {
	fleet                      world.Fleet
	listen, kubeconfig, caFile string
	changeInterval             time.Duration
	statusPort                 int
}

func main() {
	var o options
	flag.IntVar(&o.fleet.VMIs, "vmis", 1000, "number of VMIs, a multiple of --per-node")
	flag.IntVar(&o.fleet.PerNode, "per-node", 50, "number of VMIs on a node")
	flag.StringVar(&o.listen, "listen", "127.0.0.1:8443", "address to serve on")
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "where to write a kubeconfig for clients")
	flag.StringVar(&o.caFile, "kubevirt-ca-file", "", "what virt-handler is verified with")
	flag.DurationVar(&o.changeInterval, "change-interval", 80*time.Minute, "time between two changes of a VMI, and of a launcher pod, that watches tell of")
	flag.IntVar(&o.statusPort, "status-port", 0, "port of the guests' own status pages, at addresses 127.1xx.1xx.1xx; 0 for none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "apistub:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if err := o.fleet.Validate(); err != nil {
		return err
	}
	kubevirtCA, err := os.ReadFile(o.caFile)
	if err != nil {
		return fmt.Errorf("read --kubevirt-ca-file: %w", err)
	}
	resources, err := newWorld(o.fleet, string(kubevirtCA))
	if err != nil {
		return err
	}
	if o.statusPort != 0 {
		addStatusPages(resources, o.statusPort)
	}
	serving, caPEM, err := certificate.NewServer("apistub", netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", &api{resources, o.changeInterval})
	addDiscovery(mux)
	addReviews(mux)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, TLSConfig: &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{serving},
	}}
	defer server.Close()
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if err := writeKubeconfig(o, caPEM); err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ServeTLS(listener, "", "") }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		return nil
	}
}

func writeKubeconfig(o options, caPEM []byte) error {
	const name = "apistub"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: "https://" + o.listen, CertificateAuthorityData: caPEM}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: name}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	if err := clientcmd.WriteToFile(*config, o.kubeconfig); err != nil {
		return fmt.Errorf("write --kubeconfig: %w", err)
	}
	return nil
}

func addDiscovery(mux *http.ServeMux) {
	group := func(name, version string) map[string]any {
		v := map[string]any{"groupVersion": name + "/" + version, "version": version}
		return map[string]any{"name": name, "versions": []any{v}, "preferredVersion": v}
	}
	answer(mux, "GET /api", map[string]any{"kind": "APIVersions", "versions": []string{"v1"}})
	answer(mux, "GET /apis", map[string]any{"kind": "APIGroupList", "apiVersion": "v1", "groups": []any{
		group("kubevirt.io", "v1"), group("pool.kubevirt.io", "v1beta1"),
	}})
}

// addReviews lets everyone be somebody who may do everything.
func addReviews(mux *http.ServeMux) {
	answer(mux, "POST /apis/authentication.k8s.io/v1/tokenreviews", map[string]any{
		"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1",
		"status": map[string]any{"authenticated": true, "user": map[string]any{
			"username": "bench", "uid": "bench", "groups": []string{"system:authenticated"},
		}},
	})
	answer(mux, "POST /apis/authorization.k8s.io/v1/subjectaccessreviews", map[string]any{
		"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
		"status": map[string]any{"allowed": true},
	})
}

func answer(mux *http.ServeMux, pattern string, object any) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
		}
		_ = json.NewEncoder(w).Encode(object)
	})
}
