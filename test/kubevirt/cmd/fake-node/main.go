// Command fake-node fakes what needs a machine to run guests on: the scheduler,
// the kubelet, and virt-handler's part in the life of a VMI. It is the only
// program of the local cluster that does so; all else is KubeVirt's and
// Kubernetes' own. It creates the nodes with their virt-handler pods, binds
// launcher pods to nodes, reports them running, moves VMIs from Scheduled to
// Running, live-migrates them, and lets pods and VMIs go when they are deleted.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"kubevirt.io/client-go/kubevirt"
)

// node is a node that does not exist.
type node struct {
	name    string
	address netip.Addr // of its virt-handler
}

// nodesFlag parses --node=NAME=ADDRESS, given once for each node.
type nodesFlag []node

func (f *nodesFlag) String() string { return fmt.Sprint(*f) }

func (f *nodesFlag) Set(text string) error {
	name, address, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("%q: want NAME=ADDRESS", text)
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return err
	}
	*f = append(*f, node{name, ip})
	return nil
}

type options struct {
	kubeconfig  string
	nodes       nodesFlag
	namespace   string
	metricsPort int
	podCIDR     string
}

func main() {
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig of the cluster")
	flag.Var(&o.nodes, "node", "NAME=ADDRESS of a node and its virt-handler; repeat for each node")
	flag.StringVar(&o.namespace, "kubevirt-namespace", "kubevirt", "namespace of the virt-handler pods")
	flag.IntVar(&o.metricsPort, "metrics-port", 8443, "port that virt-handlers serve /metrics on")
	flag.StringVar(&o.podCIDR, "pod-cidr", "", "range of the launcher pods' addresses")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "fake-node:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	podCIDR, err := netip.ParsePrefix(o.podCIDR)
	if err != nil {
		return fmt.Errorf("read --pod-cidr: %w", err)
	}
	if len(o.nodes) == 0 {
		return fmt.Errorf("no --node is given: at least one is needed to run guests on")
	}
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return fmt.Errorf("read --kubeconfig: %w", err)
	}
	config.QPS = -1 // The API server is on this machine and has nothing else to do.
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a Kubernetes client: %w", err)
	}
	virt, err := kubevirt.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a KubeVirt client: %w", err)
	}

	i := &infrastructure{kube: kube, namespace: o.namespace, metricsPort: int32(o.metricsPort)}
	for _, n := range o.nodes {
		if err := i.create(ctx, n); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { i.heartbeats(ctx, o.nodes) })
	defer running.Wait()
	defer cancel()
	return newGuests(kube, virt, o.nodes, podCIDR).run(ctx)
}
