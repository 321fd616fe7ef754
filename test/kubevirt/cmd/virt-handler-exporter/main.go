// Command virt-handler-exporter is a node's virt-handler as far as a scraper can
// see: KubeVirt's own collectors behind KubeVirt's own handler, over launchers
// whose guests follow a script. One process is one node.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"kubevirt.io/client-go/kubevirt"
	virthandler "kubevirt.io/kubevirt/pkg/monitoring/metrics/virt-handler"
	"kubevirt.io/kubevirt/pkg/monitoring/metrics/virt-handler/handler"
	cmdclient "kubevirt.io/kubevirt/pkg/virt-handler/cmd-client"

	"guest-metrics-server/test/kubevirt/launcher"
)

// maxRequestsInFlight is the default of virt-handler's --max-metric-requests.
const maxRequestsInFlight = 3

type options struct {
	kubeconfig, nodeName, podsDir, listen, certFile, keyFile string
}

func main() {
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig of the cluster")
	flag.StringVar(&o.nodeName, "node-name", "", "name of the node this process stands for")
	flag.StringVar(&o.podsDir, "pods-dir", "", "directory of the launcher pods' sockets, at most 16 bytes long")
	flag.StringVar(&o.listen, "listen", "", "address to serve /metrics on")
	flag.StringVar(&o.certFile, "tls-cert-file", "", "virt-handler's certificate")
	flag.StringVar(&o.keyFile, "tls-private-key-file", "", "the key of --tls-cert-file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "virt-handler-exporter:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	// KubeVirt finds a VMI's socket by this variable.
	if err := os.Setenv("NODE_NAME", o.nodeName); err != nil {
		return fmt.Errorf("set NODE_NAME: %w", err)
	}
	cmdclient.SetPodsBaseDir(o.podsDir)

	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return fmt.Errorf("read --kubeconfig: %w", err)
	}
	client, err := kubevirt.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a KubeVirt client: %w", err)
	}
	informer := newVMIInformer(client, o.nodeName)
	node := launcher.NewNode(o.nodeName, o.podsDir)
	defer node.Stop()
	registration, err := informer.AddEventHandler(node.Handler())
	if err != nil {
		return fmt.Errorf("watch VMIs: %w", err)
	}
	if err := virthandler.SetupMetrics(o.nodeName, maxRequestsInFlight, informer, nil); err != nil {
		return fmt.Errorf("set up virt-handler's metrics: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var informed sync.WaitGroup
	informed.Go(func() { informer.RunWithContext(ctx) })
	defer informed.Wait()
	defer cancel()
	if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		return nil // asked to stop
	}
	return serve(ctx, o)
}

// newVMIInformer selects what virt-handler selects: the VMIs that are labelled
// with its node.
func newVMIInformer(client kubevirt.Interface, nodeName string) cache.SharedIndexInformer {
	onNode := func(options *metav1.ListOptions) { options.LabelSelector = kubevirtv1.NodeNameLabel + "=" + nodeName }
	vmis := cache.NewFilteredListWatchFromClient(client.KubevirtV1().RESTClient(), "virtualmachineinstances", metav1.NamespaceAll, onNode)
	return cache.NewSharedIndexInformer(vmis, &kubevirtv1.VirtualMachineInstance{}, 0,
		cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
}

// serve serves as virt-handler's runPrometheusServer does: HTTP/1.1 only, and a
// client certificate is refused, since there is no authority to verify it with.
func serve(ctx context.Context, o options) error {
	mux := http.NewServeMux()
	mux.Handle("/metrics", handler.Handler(maxRequestsInFlight))
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	server := &http.Server{
		Addr:              o.listen,
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.VerifyClientCertIfGiven},
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServeTLS(o.certFile, o.keyFile) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", o.listen, err)
	case <-ctx.Done():
	}
	// A scrape in progress does not hold up the end: a node that dies does not
	// finish its answers either.
	if err := server.Close(); err != nil {
		return fmt.Errorf("stop serving on %s: %w", o.listen, err)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", o.listen, err)
	}
	return nil
}
