package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// program is a program in Go that counts its requests with Prometheus' client
// library, as its documentation shows. It is within this process.
type program struct {
	servers []*http.Server
	serving sync.WaitGroup

	mu  sync.Mutex
	err error
}

func startPrometheus(ctx context.Context, dir, ip string) (*program, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	site, pages := handlers()
	p := &program{}
	pages = p.logReads(filepath.Join(dir, readsFile), pages)
	for port, handler := range map[string]http.Handler{SitePort: site, StatusPort: pages} {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(ip, port))
		if err != nil {
			return nil, errors.Join(err, p.Stop())
		}
		server := &http.Server{Handler: handler}
		p.servers = append(p.servers, server)
		p.serving.Go(func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				p.fail(fmt.Errorf("serve on %s: %w", listener.Addr(), err))
			}
		})
	}
	return p, nil
}

// handlers returns the handler of the site and that of its /metrics.
func handlers() (site, pages http.Handler) {
	registry := prometheus.NewRegistry()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "http_requests_total",
		Help: "Requests answered, by status code, method and handler.",
	}, []string{"code", "method", "handler"})
	registry.MustRegister(requests, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello\n") })
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return promhttp.InstrumentHandlerCounter(requests.MustCurryWith(prometheus.Labels{"handler": "/"}), hello), mux
}

// logReads writes a line for each request, as other servers do by themselves.
func (p *program) logReads(path string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := appendLine(path, fmt.Sprintf("%.6f", float64(time.Now().UnixMicro())/1e6)); err != nil {
			p.fail(err)
		}
		next.ServeHTTP(w, r)
	})
}

func appendLine(path, line string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(line + "\n")
	return errors.Join(err, file.Close())
}

func (p *program) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = errors.Join(p.err, err)
}

// Check returns an error when it serves no longer.
func (p *program) Check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Stop closes it with all its connections.
func (p *program) Stop() error {
	var errs []error
	for _, server := range p.servers {
		errs = append(errs, server.Close())
	}
	p.serving.Wait()
	return errors.Join(errs...)
}
