package apiserver

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/apiserver"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd/options"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"
)

// Config says what to serve and how.
type Config struct {
	Options  *options.CustomMetricsAdapterServerOptions // Completed and valid.
	Client   *rest.Config                               // For delegated authentication and authorization.
	Provider provider.CustomMetricsProvider
	Gatherer prometheus.Gatherer // The server's own metrics.

	// Ready says what the server still waits for, nil when it can answer.
	Ready func() error
}

// Server is an API server that is ready to run.
type Server struct {
	generic *genericapiserver.GenericAPIServer
}

// New returns a server. Its ports are open already.
func New(config Config) (*Server, error) {
	client, err := kubernetes.NewForConfig(config.Client)
	if err != nil {
		return nil, fmt.Errorf("make a client of the Kubernetes API: %w", err)
	}
	serverConfig := genericapiserver.NewRecommendedConfig(apiserver.Codecs)
	serverConfig.ClientConfig = config.Client
	serverConfig.SharedInformerFactory = informers.NewSharedInformerFactory(client, 0)
	// An OpenAPI document would tell nothing that discovery does not, and costs memory.
	serverConfig.SkipOpenAPIInstallation = true
	if err := config.Options.ApplyTo(serverConfig); err != nil {
		return nil, fmt.Errorf("set up serving: %w", err)
	}
	serverConfig.EnableMetrics = false // We serve our own at the same path.
	serverConfig.AddReadyzChecks(healthz.NamedCheck("metrics-known", func(*http.Request) error { return config.Ready() }))

	library := apiserver.Config{GenericConfig: &serverConfig.Config}
	server, err := library.Complete(serverConfig.SharedInformerFactory).New("guest-metrics-server", nil, nil)
	if err != nil {
		return nil, fmt.Errorf("make the API server: %w", err)
	}
	generic := server.GenericAPIServer
	if err := installAPI(generic, config.Provider); err != nil {
		return nil, err
	}
	generic.Handler.NonGoRestfulMux.Handle("/metrics", promhttp.HandlerFor(config.Gatherer, promhttp.HandlerOpts{}))
	return &Server{generic: generic}, nil
}

// Run serves until the context ends, then lets requests finish.
func (s *Server) Run(ctx context.Context) error {
	if err := s.generic.PrepareRun().RunWithContext(ctx); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
