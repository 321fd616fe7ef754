// Package servertest runs an apiserver without a cluster behind it, for tests.
package servertest

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd/options"

	"guest-metrics-server/pkg/api"
	"guest-metrics-server/pkg/apiserver"
)

// Everybody is the group that lets everybody in.
const Everybody = user.AllUnauthenticated

// Serve serves APIs until the test ends. It lets in the groups that are named
// and nobody else.
func Serve(t *testing.T, ready func() error, apis []api.Group, groups ...string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(Handler(t, ready, apis, groups...))
	t.Cleanup(s.Close)
	return s
}

// Handler returns what answers the requests of a server.
func Handler(t testing.TB, ready func() error, apis []api.Group, groups ...string) http.Handler {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	o := options.NewCustomMetricsAdapterServerOptions()
	o.SecureServing.Listener = listener
	o.SecureServing.ServerCert.CertDirectory = t.TempDir()
	o.Authentication.RemoteKubeConfigFileOptional = true
	o.Authorization.RemoteKubeConfigFileOptional = true
	o.Authorization.AlwaysAllowGroups = groups
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "own_metric", Help: "One."}, func() float64 { return 1 }))
	server, err := apiserver.New(apiserver.Config{
		Options:  o,
		Client:   &rest.Config{Host: "http://127.0.0.1:1"},
		APIs:     apis,
		Registry: registry,
		Ready:    ready,
	})
	if err != nil {
		t.Fatal(err)
	}
	handler, stop := server.Handler()
	t.Cleanup(stop)
	return handler
}

// Open serves APIs to everybody, and is ready.
func Open(t *testing.T, apis ...api.Group) *httptest.Server {
	t.Helper()
	return Serve(t, func() error { return nil }, apis, Everybody)
}

// Get returns the status and the body of a response.
func Get(t *testing.T, url, accept string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
