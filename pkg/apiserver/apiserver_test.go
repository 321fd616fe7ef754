package apiserver_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"guest-metrics-server/pkg/apiserver/servertest"
)

func TestWhoIsNotKnownIsNotAnswered(t *testing.T) {
	s := servertest.Serve(t, func() error { return nil }, nil)
	for _, path := range []string{
		"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/guest_load",
		"/apis/custom.metrics.k8s.io/v1beta2",
		"/metrics",
	} {
		if code, body := servertest.Get(t, s.URL+path, "application/json"); code != http.StatusForbidden {
			t.Errorf("%s answers %d: %s", path, code, body)
		}
	}
}

func TestReadinessSaysWhatIsWaitedFor(t *testing.T) {
	waiting := errors.New("waiting for the first two scrapes of 3 of 7 nodes")
	s := servertest.Serve(t, func() error { return waiting }, nil, servertest.Everybody)
	for _, test := range []struct {
		err  error
		path string
		code int
		want string
	}{
		{waiting, "/readyz", http.StatusInternalServerError, "[-]metrics-known failed"},
		{waiting, "/readyz/metrics-known", http.StatusInternalServerError, waiting.Error()},
		{waiting, "/livez/ping", http.StatusOK, "ok"},
		{nil, "/readyz?verbose", http.StatusInternalServerError, "[+]metrics-known ok"}, // The server does not run.
		{nil, "/readyz/metrics-known", http.StatusOK, "ok"},
	} {
		waiting = test.err
		code, body := servertest.Get(t, s.URL+test.path, "*/*")
		if code != test.code || !strings.Contains(body, test.want) {
			t.Errorf("%s while %v: got %d, want %d with %q:\n%s", test.path, test.err, code, test.code, test.want, body)
		}
	}
}

func TestMetricsAreTheServersOwn(t *testing.T) {
	code, body := servertest.Get(t, servertest.Open(t).URL+"/metrics", "text/plain;version=0.0.4")
	want := "# HELP own_metric One.\n# TYPE own_metric gauge\nown_metric 1\n"
	if code != http.StatusOK || body != want {
		t.Errorf("status %d, want only the server's own metrics:\n%s", code, body)
	}
}
