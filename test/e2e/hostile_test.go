//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// What a user who may only view a namespace can send at worst: selectors that are
// far too large, the largest that are looked into, and objects that nobody has
// asked for yet, so that each needs an authorization.
var hostilePaths = []func(namespace string, i int) string{
	func(namespace string, _ int) string {
		return metricPath("v1beta2", namespace, "pods", "*", utilization, enormous)
	},
	func(namespace string, i int) string {
		var selector strings.Builder
		for j := range 64 {
			fmt.Fprintf(&selector, ",!%s-%d-%d", strings.Repeat("x", 50), i, j)
		}
		return metricPath("v1beta2", namespace, "pods", "*", utilization, selector.String()[1:])
	},
	func(namespace string, i int) string {
		return metricPath("v1beta2", namespace, "pods", fmt.Sprint("nobody-", i), utilization, "")
	},
}

// enormous is a selector of 700 kB in a URI.
var enormous = strings.Repeat("label,", 700_000/len("label%2C"))

// A viewer's flood of requests neither fills the server's memory nor keeps the HPA
// from its answers. It does not run beside other tests, for the memory's sake.
func TestHostileRequestsCostOthersNothing(t *testing.T) {
	const (
		hostile  = 1000 // Requests at a time.
		period   = 15 * time.Second
		limitMiB = 256 // Half of the Deployment's limit.
	)
	namespace := newNamespace(t)
	apply(t, namespace, replicaSet("web", 4, `script.guestmetrics.io/cpu-percent: "50"`))
	kubectl(t, "create", "rolebinding", "viewer", "--clusterrole=view", "--user=mallory", "-n", namespace)
	mallory, err := cluster.UserConfig("mallory")
	if err != nil {
		t.Fatal(err)
	}
	hpa, err := cluster.UserConfig("system:kube-controller-manager") // May read as the HPA controller does.
	if err != nil {
		t.Fatal(err)
	}
	path := metricPath("v1beta2", namespace, "pods", "*", utilization, "app=web")
	for _, user := range []*rest.Config{mallory, hpa} {
		eventually(t, time.Minute, func(ctx context.Context) string {
			_, err := ask(ctx, user, path)
			return message(err)
		})
	}
	dir := filepath.Dir(cluster.Kubeconfig())
	before := memoryMiB(t, dir, "VmRSS")
	for _, direct := range []bool{false, true} {
		how := "through the API server"
		sender, reader := *mallory, *hpa
		if direct {
			how = "directly"
			for _, c := range []*rest.Config{&sender, &reader} {
				c.Host, c.ServerName = "https://"+serverAddress(t), "guest-metrics-server.guest-metrics-server.svc"
			}
		}
		alone := queries(t, &reader, path, 3*time.Second)
		stop := flood(t, &sender, namespace, hostile)
		beside := queries(t, &reader, path, period)
		codes := stop()
		peak := memoryMiB(t, dir, "VmHWM")
		t.Logf("%s: an HPA's query takes %s alone, and %s beside %d hostile requests at a time (answered by status: %v); the server held %d MiB before, %d at its peak",
			how, percentiles(alone), percentiles(beside), hostile, codes, before, peak)
		if peak >= limitMiB {
			t.Errorf("%s: %d MiB resident, want less than %d", how, peak, limitMiB)
		}
	}
}

// queries asks again and again as an HPA does, and returns how long each took. An
// HPA has one request at a time, and none may fail.
func queries(t *testing.T, config *rest.Config, path string, period time.Duration) []time.Duration {
	t.Helper()
	client := clientOf(t, config)
	var took []time.Duration
	for end := time.Now().Add(period); time.Now().Before(end); {
		began := time.Now()
		if _, err := fetch(t.Context(), client, config.Host+path); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took
}

func percentiles(sorted []time.Duration) string {
	at := func(share float64) time.Duration {
		return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("%s at the median and %s at the 99th percentile of %d", at(0.5), at(0.99), len(sorted))
}

// flood keeps so many requests in flight until it is stopped, and returns how
// they were answered, by status; 0 stands for a connection that failed.
func flood(t *testing.T, config *rest.Config, namespace string, atATime int) (stop func() map[int]int) {
	t.Helper()
	client := clientOf(t, config)
	ctx, cancel := context.WithCancel(t.Context())
	codes := make(map[int]int)
	var mu sync.Mutex
	var running sync.WaitGroup
	var next atomic.Int64
	for range atATime {
		running.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1))
				code := send(ctx, client, config.Host+hostilePaths[i%len(hostilePaths)](namespace, i))
				mu.Lock()
				codes[code]++
				mu.Unlock()
			}
		})
	}
	return func() map[int]int {
		cancel()
		running.Wait()
		return codes
	}
}

func send(ctx context.Context, client *http.Client, address string) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0
	}
	response, err := client.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}
