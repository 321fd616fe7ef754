package client

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"kubevirt.io/client-go/kubevirt"
)

// Factory makes clients of kubectl's usual flags, once these are parsed.
type Factory struct {
	genericiooptions.IOStreams

	// Flags are --namespace, --context, --kubeconfig, --as and so on.
	Flags *genericclioptions.ConfigFlags

	Now func() time.Time // the clock
}

// NewFactory returns a factory with flags that are still to be parsed.
func NewFactory(streams genericiooptions.IOStreams) *Factory {
	flags := genericclioptions.NewConfigFlags(true)
	return &Factory{IOStreams: streams, Now: time.Now, Flags: flags.WithWrapConfigFn(func(config *rest.Config) *rest.Config {
		config.UserAgent = "kubectl-guest_metrics"
		config.QPS, config.Burst = 50, 100 // The API server's own fairness limits more.
		return config
	})}
}

// Namespace returns the namespace of --namespace or of the kubeconfig's context,
// "default" without either.
func (f *Factory) Namespace() (string, error) {
	namespace, _, err := f.Flags.ToRawKubeConfigLoader().Namespace()
	return namespace, err
}

// Clients returns clients with the caller's rights.
func (f *Factory) Clients() (*Clients, error) {
	config, err := f.Flags.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	clients, err := New(config)
	if err != nil {
		return nil, fmt.Errorf("clients of %s: %w", config.Host, err)
	}
	return clients, nil
}

// Clients are what the verbs ask the cluster with.
type Clients struct {
	Config       *rest.Config
	Kubernetes   kubernetes.Interface
	KubeVirt     kubevirt.Interface
	Dynamic      dynamic.Interface
	Metadata     metadata.Interface
	Mapper       meta.RESTMapper // asks discovery when it is first used
	GuestMetrics *GuestMetrics   // guestmetrics.io
	Raw          *Raw            // any path, such as those of custom.metrics.k8s.io
}

// New returns clients of a configuration.
func New(config *rest.Config) (*Clients, error) {
	clients := &Clients{Config: config}
	var err error
	if clients.Kubernetes, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if clients.KubeVirt, err = kubevirt.NewForConfig(config); err != nil {
		return nil, err
	}
	if clients.Dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, err
	}
	if clients.Metadata, err = metadata.NewForConfig(config); err != nil {
		return nil, err
	}
	clients.Mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(clients.Kubernetes.Discovery()))
	if clients.GuestMetrics, err = newGuestMetrics(config); err != nil {
		return nil, err
	}
	if clients.Raw, err = newRaw(config); err != nil {
		return nil, err
	}
	return clients, nil
}
