package apiserver

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/apiserver"
)

// crowd is the requests of users to a handler that does not answer before it may.
type crowd struct {
	handler http.Handler
	may     chan struct{}

	mu    sync.Mutex
	codes map[string]map[int]int // By user and status.
}

func newCrowd() *crowd {
	c := &crowd{may: make(chan struct{}), codes: make(map[string]map[int]int)}
	slow := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-c.may })
	c.handler = newLimits().withShares(slow, &genericapiserver.Config{Serializer: apiserver.Codecs})
	return c
}

func (c *crowd) send(t *testing.T, name string, n int) {
	for range n {
		go func() {
			ctx := request.WithUser(t.Context(), &user.DefaultInfo{Name: name})
			r := httptest.NewRequestWithContext(request.WithRequestInfo(ctx, &request.RequestInfo{}), http.MethodGet, "/", nil)
			w := httptest.NewRecorder()
			c.handler.ServeHTTP(w, r)
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.codes[name] == nil {
				c.codes[name] = make(map[int]int)
			}
			c.codes[name][w.Code]++
		}()
	}
	synctest.Wait()
}

// answered returns how many requests were answered by now, by user and status.
func (c *crowd) answered() map[string]map[int]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	answered := make(map[string]map[int]int)
	for name, codes := range c.codes {
		answered[name] = maps.Clone(codes)
	}
	return answered
}

// A tenant that sends too many requests waits for itself, then is asked to come
// back, and keeps nobody else from being answered.
func TestATenantsRequestsWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		c.send(t, "mallory", maxInWork+maxWaiting+30)
		c.send(t, "hpa", maxInWork)
		want := map[string]map[int]int{"mallory": {http.StatusTooManyRequests: 30}}
		if diff := cmp.Diff(want, c.answered()); diff != "" {
			t.Errorf("answered at once, -want +got:\n%s", diff)
		}
		<-time.After(maxPatience)
		synctest.Wait()
		want["mallory"][http.StatusTooManyRequests] += maxWaiting
		if diff := cmp.Diff(want, c.answered()); diff != "" {
			t.Errorf("answered after they lost patience, -want +got:\n%s", diff)
		}
		close(c.may)
		synctest.Wait()
		want["mallory"][http.StatusOK] = maxInWork
		want["hpa"] = map[int]int{http.StatusOK: maxInWork}
		if diff := cmp.Diff(want, c.answered()); diff != "" {
			t.Errorf("answered in all, -want +got:\n%s", diff)
		}
		c.send(t, "mallory", 1)
		if got := c.answered()["mallory"][http.StatusOK]; got != maxInWork+1 {
			t.Errorf("%d requests of mallory's are answered after the crowd, want %d", got, maxInWork+1)
		}
	})
}

// Many tenants together cannot take all memory.
func TestAllRequestsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			c.send(t, name, maxInFlight/4)
		}
		want := map[string]map[int]int{"e": {http.StatusTooManyRequests: maxInFlight / 4}}
		if diff := cmp.Diff(want, c.answered()); diff != "" {
			t.Errorf("answered at once, -want +got:\n%s", diff)
		}
		close(c.may)
	})
}

// Whoever floods the server without a name does not keep the kubelet, which has
// none either, from probing it.
func TestProbesPassACrowd(t *testing.T) {
	full := newLimits()
	full.inFlight = maxInFlight
	handler := full.withShares(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), &genericapiserver.Config{Serializer: apiserver.Codecs})
	for path, want := range map[string]int{
		"/readyz": http.StatusOK, "/livez/ping": http.StatusOK, "/healthz": http.StatusOK,
		"/readyzz": http.StatusTooManyRequests, "/metrics": http.StatusTooManyRequests, "/apis/livez": http.StatusTooManyRequests,
	} {
		ctx := request.WithRequestInfo(t.Context(), &request.RequestInfo{})
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

func TestServiceAccountsOfANamespaceAreOneTenant(t *testing.T) {
	for name, want := range map[string]string{
		"system:serviceaccount:shop:one": "system:serviceaccounts:shop",
		"system:serviceaccount:shop:two": "system:serviceaccounts:shop",
		"system:serviceaccount:bank:one": "system:serviceaccounts:bank",
		"alice":                          "alice",
	} {
		if got := tenantOf(&user.DefaultInfo{Name: name}); got != want {
			t.Errorf("%s is of the tenant %q, want %q", name, got, want)
		}
	}
}
