//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/procfs"
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
		eventually(t, patience, func(ctx context.Context) string {
			_, err := ask(ctx, user, path)
			return message(err)
		})
	}
	dir := filepath.Dir(cluster.Kubeconfig())
	before := memoryMiB(t, dir, "VmRSS")
	directly := func(config *rest.Config) rest.Config {
		direct := *config
		direct.Host, direct.ServerName = "https://"+serverAddress(t), "guest-metrics-server.guest-metrics-server.svc"
		return direct
	}
	for _, direct := range []bool{false, true} {
		how := "through the API server"
		sender, reader, aside := *mallory, *hpa, directly(hpa)
		if direct {
			how = "directly"
			sender, reader = directly(mallory), aside
		}
		alone := queries(t, &reader, path, 3*time.Second)
		stop := flood(t, &sender, namespace, hostile)
		used := cpuTimes(t, dir)
		beside := queries(t, &reader, path, period)
		for name, now := range cpuTimes(t, dir) {
			t.Logf("%s: %s used %.1f CPU-seconds of these %s", how, name, now-used[name], period)
		}
		if !direct {
			t.Logf("%s: a query that goes past the API server takes %s meanwhile", how, percentiles(queries(t, &aside, path, period/3)))
		}
		codes := stop()
		peak := memoryMiB(t, dir, "VmHWM")
		t.Logf("%s: an HPA's query takes %s alone, and %s beside %d hostile requests at a time (answered by status: %v); the server held %d MiB before, %d at its peak",
			how, percentiles(alone), percentiles(beside), hostile, codes, before, peak)
		if peak >= limitMiB {
			t.Errorf("%s: %d MiB resident, want less than %d", how, peak, limitMiB)
		}
	}
}

// cpuTimes returns the CPU-seconds that the two servers on the way have used.
func cpuTimes(t *testing.T, dir string) map[string]float64 {
	t.Helper()
	used := make(map[string]float64)
	for _, name := range []string{"kube-apiserver", "guest-metrics-server"} {
		process, err := procfs.NewProc(pidOf(t, dir, name))
		if err != nil {
			t.Fatal(err)
		}
		stat, err := process.Stat()
		if err != nil {
			t.Fatal(err)
		}
		used[name] = stat.CPUTime()
	}
	return used
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

// floodVariable has the path of a flooder's JSON, for a process that floods.
const floodVariable = "GUEST_METRICS_E2E_FLOOD"

// A flooder sends hostile requests from a process of its own: in that of the test
// the HPA's queries would wait for their turn among its goroutines.
type flooder struct {
	Host, Namespace string
	TLS             rest.TLSClientConfig
	AtATime         int
}

// flood keeps so many requests in flight until it is stopped, and returns how
// they were answered, by status; 0 stands for a connection that failed.
func flood(t *testing.T, config *rest.Config, namespace string, atATime int) (stop func() map[int]int) {
	t.Helper()
	text, err := json.Marshal(flooder{Host: config.Host, Namespace: namespace, TLS: config.TLSClientConfig, AtATime: atATime})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "flood.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), floodVariable+"="+path)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() map[int]int {
		if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
			t.Fatal(err)
		}
		codes := make(map[int]int)
		if err := json.Unmarshal(out.Bytes(), &codes); err != nil {
			t.Fatal(err)
		}
		return codes
	}
}

// runFlood floods until standard input ends, and prints how requests were answered.
func runFlood(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var f flooder
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(&rest.Config{Host: f.Host, TLSClientConfig: f.TLS})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	codes := make(map[int]int)
	var mu sync.Mutex
	var running sync.WaitGroup
	var next atomic.Int64
	for range f.AtATime {
		running.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1))
				code := send(ctx, client, f.Host+hostilePaths[i%len(hostilePaths)](f.Namespace, i))
				mu.Lock()
				codes[code]++
				mu.Unlock()
			}
		})
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	cancel()
	running.Wait()
	return json.NewEncoder(os.Stdout).Encode(codes)
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
