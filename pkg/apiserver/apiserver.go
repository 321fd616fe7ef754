package apiserver

import (
	"context"
	"fmt"
	"maps"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/kube-openapi/pkg/common"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/apiserver"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd/options"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/generated/openapi/core"

	"guest-metrics-server/pkg/api"
)

const name = "guest-metrics-server"

// Config says what to serve and how.
type Config struct {
	Options  *options.CustomMetricsAdapterServerOptions // Completed and valid.
	Client   *rest.Config                               // For delegated authentication and authorization.
	APIs     []api.Group
	Registry *prometheus.Registry // The server's own metrics, to which this package adds its own.

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
	// Without an OpenAPI document kube-apiserver logs an error every minute.
	namer := openapi.NewDefinitionNamer(schemesOf(config.APIs)...)
	config.Options.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(definitionsOf(config.APIs), namer)
	config.Options.OpenAPIConfig.Info.Title = name
	config.Options.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(definitionsOf(config.APIs), namer)
	config.Options.OpenAPIV3Config.Info.Title = name
	if err := config.Options.ApplyTo(serverConfig); err != nil {
		return nil, fmt.Errorf("set up serving: %w", err)
	}
	serverConfig.EnableMetrics = false // We serve our own at the same path.
	limits := newLimits()
	serverConfig.BuildHandlerChainFunc = limits.handlerChain
	serverConfig.AddReadyzChecks(healthz.NamedCheck("metrics-known", func(*http.Request) error { return config.Ready() }))

	library := apiserver.Config{GenericConfig: &serverConfig.Config}
	server, err := library.Complete(serverConfig.SharedInformerFactory).New(name, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("make the API server: %w", err)
	}
	generic := server.GenericAPIServer
	for _, group := range config.APIs {
		if err := install(generic, group); err != nil {
			return nil, fmt.Errorf("install the API %s: %w", group.Name, err)
		}
	}
	if err := config.Registry.Register(limits); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	generic.Handler.NonGoRestfulMux.Handle("/metrics", promhttp.HandlerFor(config.Registry, promhttp.HandlerOpts{}))
	return &Server{generic: generic}, nil
}

// schemesOf returns what says of which kind the APIs' types are.
func schemesOf(apis []api.Group) []*runtime.Scheme {
	schemes := []*runtime.Scheme{apiserver.Scheme}
	for _, group := range apis {
		if group.Storage != nil {
			schemes = append(schemes, group.Storage.Scheme)
		}
	}
	return schemes
}

// definitionsOf returns the OpenAPI definitions of Kubernetes' core and of the APIs.
func definitionsOf(apis []api.Group) common.GetOpenAPIDefinitions {
	return func(ref common.ReferenceCallback) map[string]common.OpenAPIDefinition {
		definitions := core.GetOpenAPIDefinitions(ref)
		for _, group := range apis {
			maps.Copy(definitions, group.Definitions(ref))
		}
		return definitions
	}
}

// Handler returns what answers requests, for tests that serve it themselves.
// Call stop when it is no longer used.
func (s *Server) Handler() (handler http.Handler, stop func()) {
	s.generic.PrepareRun()
	return s.generic.Handler, s.generic.Destroy
}

// Run serves until the context ends, then lets requests finish.
func (s *Server) Run(ctx context.Context) error {
	if err := s.generic.PrepareRun().RunWithContext(ctx); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
