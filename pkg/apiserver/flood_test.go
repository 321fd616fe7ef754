package apiserver_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	library "sigs.k8s.io/custom-metrics-apiserver/pkg/apiserver"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/generated/openapi/custommetrics"

	"guest-metrics-server/pkg/api"
	"guest-metrics-server/pkg/apiserver"
	"guest-metrics-server/pkg/apiserver/servertest"
)

var (
	logged buffer       // What all tests of this package logged.
	gone   atomic.Int64 // Errors of clients that went away.
)

// TestMain sets the log up as the command does: for the whole process, before
// anything else runs.
func TestMain(m *testing.M) {
	klog.SetLogger(textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(&logged))))
	utilruntime.ErrorHandlers[0] = apiserver.UnlessClientGone(utilruntime.ErrorHandlers[0], func() { gone.Add(1) })
	os.Exit(m.Run())
}

type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// errors returns the entries of level error and above from an offset on.
func (b *buffer) errors(from int) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []string
	for line := range strings.Lines(b.text.String()[from:]) {
		if strings.HasPrefix(line, "E") || strings.HasPrefix(line, "F") {
			found = append(found, line)
		}
	}
	return found
}

func (b *buffer) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Len()
}

// A client resets each of its HTTP/2 streams: before the answer begins, while it
// is written, and when nothing of it is left but to be encoded.
func TestAbandonedRequestsAreNoErrors(t *testing.T) {
	const requests = 300
	begun, ended := make(chan struct{}), make(chan struct{}, requests)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- struct{}{} }()
		if path.Base(r.URL.Path) == "talking" {
			w.WriteHeader(http.StatusOK)
		}
		begun <- struct{}{}
		<-r.Context().Done()
		if path.Base(r.URL.Path) == "encoding" {
			responsewriters.WriteObjectNegotiated(library.Codecs, nil, metav1.SchemeGroupVersion, w, r, http.StatusOK, &metav1.Status{Message: strings.Repeat("more than is buffered ", 10_000)}, false)
		}
	})
	s := httptest.NewUnstartedServer(servertest.Handler(t, ready, []api.Group{apiOf(handler)}, servertest.Everybody))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)

	from, before := logged.len(), gone.Load()
	for i := range requests {
		address := s.URL + "/apis/example.com/v1/" + []string{"silent", "talking", "encoding"}[i%3]
		ctx, reset := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			request, _ := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
			request.Header.Set("Accept-Encoding", "identity") // Compressed, the answer would fit into buffers.
			if response, err := s.Client().Do(request); err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			}
		}()
		select {
		case <-begun:
		case <-done:
			t.Fatalf("%s answered early", address)
		}
		reset()
		<-done
	}
	for range requests {
		<-ended
	}
	s.Close()
	if gone.Load() == before {
		t.Error("no answer found its client gone: the test tests nothing")
	}
	if found := logged.errors(from); len(found) > 0 {
		t.Errorf("%d entries of level error for %d requests, such as\n%s", len(found), requests, found[0])
	}
}

func ready() error { return nil }

// apiOf returns an API whose requests a handler answers.
func apiOf(handler http.Handler) api.Group {
	return api.Group{
		Name:        "example.com",
		Versions:    []api.Version{{Name: "v1", Handler: handler, Answer: v1beta2.MetricValueList{}}},
		Definitions: custommetrics.GetOpenAPIDefinitions,
	}
}

// kube-apiserver asks five times at once whether an API is there and drops the
// requests that are left when one is answered.
func TestAggregatorsProbesAreNoErrors(t *testing.T) {
	s := httptest.NewUnstartedServer(servertest.Handler(t, ready, []api.Group{apiOf(http.NotFoundHandler())}, servertest.Everybody))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	from := logged.len()
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		var probes sync.WaitGroup
		for range 5 {
			probes.Go(func() {
				request, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/apis/example.com/v1", nil)
				if response, err := s.Client().Do(request); err == nil {
					_ = response.Body.Close()
					cancel()
				}
			})
		}
		probes.Wait()
		cancel()
	}
	s.Close() // Waits for the handlers.
	if found := logged.errors(from); len(found) > 0 {
		t.Errorf("%d entries of level error for 500 probes, such as\n%s", len(found), found[0])
	}
}

// Clients that break HTTP/2's rules are logged by http.Server, which has a log of
// its own.
func TestBrokenHTTP2IsNoError(t *testing.T) {
	const connections = 20
	s := httptest.NewUnstartedServer(servertest.Handler(t, ready, []api.Group{apiOf(http.NotFoundHandler())}, servertest.Everybody))
	s.EnableHTTP2 = true
	var raw buffer
	s.Config.ErrorLog = log.New(&raw, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	response, err := s.Client().Get(s.URL + "/livez/ping") // As kubelet asks soon.
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()

	from := logged.len()
	var clients sync.WaitGroup
	for range connections {
		clients.Go(func() {
			if err := breakHTTP2(s.Listener.Addr().String()); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	if text := raw.text.String(); text != "" {
		t.Errorf("past the log came\n%s", text)
	}
	if found := logged.errors(from); len(found) > 0 {
		t.Errorf("%d entries of level error, such as\n%s", len(found), found[0])
	}
}

// breakHTTP2 sends a frame that must not be, and reads until the server hangs up.
func breakHTTP2(address string) error {
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		return err
	}
	defer conn.Close()
	framer := http2.NewFramer(conn, conn)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return err
	}
	if err := framer.WriteSettings(); err != nil {
		return err
	}
	if err := framer.WriteRawFrame(http2.FrameHeaders, 0, 0, nil); err != nil { // Of no stream.
		return err
	}
	answer, _ := io.ReadAll(conn)
	if len(answer) == 0 {
		return fmt.Errorf("%s did not speak HTTP/2", address)
	}
	return nil
}
