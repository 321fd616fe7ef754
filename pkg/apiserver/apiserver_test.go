package apiserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/authentication/user"
)

func TestValues(t *testing.T) {
	s := open(t)
	for _, test := range []struct {
		name, path string
		code       int
		want       string
	}{
		{
			"of pods by selector, as an HPA of type Pods asks",
			"v1beta2/namespaces/shop/pods/*/guest_load?labelSelector=app%3Dweb&metricLabelSelector=a%3Db",
			http.StatusOK,
			`{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta2","metadata":{},"items":[` +
				`{"describedObject":{"kind":"Pod","namespace":"shop","name":"web-0","apiVersion":"v1"},` +
				`"metric":{"name":"guest_load of pods that match \"app=web\", selector \"a=b\"","selector":null},` +
				`"timestamp":"2026-07-01T12:00:00Z","windowSeconds":30,"value":"1500m"}]}`,
		},
		{
			"of one object, as an HPA of type Object asks",
			"v1beta2/namespaces/shop/virtualmachinepools.pool.kubevirt.io/web/guest_heat",
			http.StatusOK,
			`{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta2","metadata":{},"items":[` +
				`{"describedObject":{"kind":"Pod","namespace":"shop","name":"web","apiVersion":"v1"},` +
				`"metric":{"name":"guest_heat of virtualmachinepools.pool.kubevirt.io, selector \"\"","selector":null},` +
				`"timestamp":"2026-07-01T12:00:00Z","windowSeconds":30,"value":"1500m"}]}`,
		},
		{
			"of one object, in the older version",
			"v1beta1/namespaces/shop/pods/web-0/guest_load",
			http.StatusOK,
			`{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta1","metadata":{},"items":[` +
				`{"describedObject":{"kind":"Pod","namespace":"shop","name":"web-0","apiVersion":"v1"},` +
				`"metricName":"guest_load of pods, selector \"\"",` +
				`"timestamp":"2026-07-01T12:00:00Z","window":30,"value":"1500m","selector":null}]}`,
		},
		{
			"that are unknown are an error that says why",
			"v1beta2/namespaces/shop/pods/cold/guest_load",
			http.StatusNotFound,
			`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",` +
				`"message":"pods \"cold: it is paused\" not found","reason":"NotFound",` +
				`"details":{"name":"cold: it is paused","kind":"pods"},"code":404}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, body := get(t, s.URL+"/apis/custom.metrics.k8s.io/"+test.path, "application/json")
			var got bytes.Buffer
			if err := json.Compact(&got, []byte(body)); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			if diff := cmp.Diff(test.want, got.String()); code != test.code || diff != "" {
				t.Errorf("status %d, want %d; -want +got:\n%s", code, test.code, diff)
			}
		})
	}
}

func TestWhoIsNotKnownIsNotAnswered(t *testing.T) {
	s := serve(t, func() error { return nil })
	for _, path := range []string{
		"/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/guest_load",
		"/apis/custom.metrics.k8s.io/v1beta2",
		"/metrics",
	} {
		if code, body := get(t, s.URL+path, "application/json"); code != http.StatusForbidden {
			t.Errorf("%s answers %d: %s", path, code, body)
		}
	}
}

func TestReadinessSaysWhatIsWaitedFor(t *testing.T) {
	waiting := errors.New("waiting for the first two scrapes of 3 of 7 nodes")
	s := serve(t, func() error { return waiting }, user.AllUnauthenticated)
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
		code, body := get(t, s.URL+test.path, "*/*")
		if code != test.code || !strings.Contains(body, test.want) {
			t.Errorf("%s while %v: got %d, want %d with %q:\n%s", test.path, test.err, code, test.code, test.want, body)
		}
	}
}

func TestMetricsAreTheServersOwn(t *testing.T) {
	code, body := get(t, open(t).URL+"/metrics", "text/plain;version=0.0.4")
	want := "# HELP own_metric One.\n# TYPE own_metric gauge\nown_metric 1\n"
	if diff := cmp.Diff(want, body); code != http.StatusOK || diff != "" {
		t.Errorf("status %d, -want +got:\n%s", code, diff)
	}
}
