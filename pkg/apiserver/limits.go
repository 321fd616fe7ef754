package apiserver

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
)

const (
	// maxURIBytes bounds what a request can carry. A body is never read.
	maxURIBytes = 16 << 10

	// maxInWork is how many requests of one tenant are authorized and answered at
	// a time. An answer is a few milliseconds of one core: more at a time are not
	// answered sooner, and delay those of others.
	maxInWork = 4
	// maxWaiting is how many more of its requests may wait. What waits costs no
	// CPU, as what is refused and sent again at once does.
	maxWaiting = 500
	// maxPatience is how long they wait before they are asked to come back.
	maxPatience = 2 * time.Second
	// maxInFlight is how many requests of all tenants are in work or waiting. It
	// bounds memory: one takes some 50 kB with its connection.
	maxInFlight = 2000

	retryAfterSeconds = 1
)

// limits lets no tenant's requests keep those of others from being answered. A
// tenant is a user, or all ServiceAccounts of a namespace.
type limits struct {
	rejected *prometheus.CounterVec

	mu       sync.Mutex
	tenants  map[string]*share
	inFlight int
}

// share is what one tenant has of the server.
type share struct {
	requests int           // In work or waiting.
	work     chan struct{} // Has a value for each request in work.
}

func newLimits() *limits {
	return &limits{
		tenants: make(map[string]*share),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guest_metrics_server_rejected_requests_total",
			Help: "Requests that were not looked into, by reason: their URI was too long, or there were too many at a time, of one tenant or of all.",
		}, []string{"reason"}),
	}
}

// withShares lets a request pass when its tenant has fewer than maxInWork in
// work. It expects to run behind authentication. The kubelet's probes always pass:
// they are anonymous, as anybody's requests may be.
func (l *limits) withShares(next http.Handler, c *genericapiserver.Config) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isProbe(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		tooMany := func(reason, message string) {
			l.rejected.WithLabelValues(reason).Inc()
			responsewriters.ErrorNegotiated(apierrors.NewTooManyRequests(message, retryAfterSeconds), c.Serializer, schema.GroupVersion{}, w, r)
		}
		tenant := ""
		if u, ok := request.UserFrom(r.Context()); ok {
			tenant = tenantOf(u)
		}
		s, reason := l.enter(tenant)
		if s == nil {
			tooMany(reason, "too many requests at a time")
			return
		}
		defer l.leave(tenant, s)
		timer := time.NewTimer(maxPatience)
		defer timer.Stop()
		select {
		case s.work <- struct{}{}:
			defer func() { <-s.work }()
			next.ServeHTTP(w, r)
		case <-timer.C:
			tooMany("tenant_busy", "too many of your requests are in work")
		case <-r.Context().Done():
		}
	})
}

// isProbe reports whether a path is one of those that report the server's health.
func isProbe(path string) bool {
	for _, probe := range []string{"/livez", "/readyz", "/healthz"} {
		if path == probe || strings.HasPrefix(path, probe+"/") {
			return true
		}
	}
	return false
}

// enter returns the tenant's share with one more request, nil with the reason
// when there are too many.
func (l *limits) enter(tenant string) (s *share, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s = l.tenants[tenant]
	switch {
	case s != nil && s.requests >= maxInWork+maxWaiting:
		return nil, "tenant_busy"
	case l.inFlight >= maxInFlight:
		return nil, "server_busy"
	case s == nil:
		s = &share{work: make(chan struct{}, maxInWork)}
		l.tenants[tenant] = s
	}
	s.requests++
	l.inFlight++
	return s, ""
}

func (l *limits) leave(tenant string, s *share) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
	if s.requests--; s.requests == 0 {
		delete(l.tenants, tenant)
	}
}

// tenantOf returns whose share a user's requests take.
func tenantOf(u user.Info) string {
	if namespace, _, err := serviceaccount.SplitUsername(u.GetName()); err == nil {
		return serviceaccount.MakeNamespaceGroupName(namespace)
	}
	return u.GetName()
}

// Describe implements prometheus.Collector.
func (l *limits) Describe(ch chan<- *prometheus.Desc) { l.rejected.Describe(ch) }

// Collect implements prometheus.Collector.
func (l *limits) Collect(ch chan<- prometheus.Metric) { l.rejected.Collect(ch) }
