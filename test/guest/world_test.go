//go:build e2e

package guest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"

	"guest-metrics-server/test/guest"
	"guest-metrics-server/test/local"
)

const (
	pollInterval  = 500 * time.Millisecond
	podTimeout    = 30 * time.Second
	servedTimeout = 60 * time.Second
	countTimeout  = 15 * time.Second

	// rounding is how far a value's time may be from what the API says: that
	// speaks of whole seconds only.
	rounding = 2 * time.Second

	// countInterval is how often the guest is asked what it counts. It costs the
	// guest about 1 % of its CPU.
	countInterval = 2 * time.Second
)

// scrapeInterval is the server's, for the guest's status page.
const scrapeInterval = 2 * time.Second

// flags are the server's: shorter times than in production, and the guest may
// have a loopback address.
var flags = []string{
	"--scrape-interval=4s", "--guest-scrape-interval=" + scrapeInterval.String(),
	"--rate-window=8s", "--max-sample-age=10s", "--warmup=1s",
	"--guest-allowed-cidrs=127.0.0.0/8", "-v=2",
}

// vmi is the guest as KubeVirt knows it. Its launcher pod is virt-controller's,
// and reported running by fake-node; its guest is not a scripted one.
const vmi = `
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata:
  name: web
  annotations:
    script.guestmetrics.io/scripted: "false"
    script.guestmetrics.io/agent: "false"
    guestmetrics.io/http-port: "` + guest.StatusPort + `"
    guestmetrics.io/http-path: ` + guest.StatusPath + `
    guestmetrics.io/http-format: nginx
spec:
  terminationGracePeriodSeconds: 0
  domain:
    memory: {guest: 128Mi}
    devices: {}
`

// world is a cluster with the server under test and one real guest.
type world struct {
	cluster *local.Cluster
	machine *guest.Machine
	guest   *guest.Guest

	mu     sync.Mutex
	counts []guest.Counts // in the order of time
	err    error
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	root, err := guest.Unpack(t.Context(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	if w.machine, err = guest.Start(t.Context(), root, statePath()); err != nil {
		t.Fatal(err)
	}
	stopAfter(t, w.machine.Stop)
	w.cluster, err = local.Start(t.Context(), local.Options{StateDir: statePath("cluster"), Progress: os.Stderr, Nodes: 1})
	if err != nil {
		t.Fatal(err)
	}
	stopAfter(t, w.cluster.Stop)
	if err := w.cluster.StartServer(t.Context(), os.Getenv(serverVariable), flags...); err != nil {
		t.Fatal(err)
	}
	w.boot(t)
	return w
}

func stopAfter(t *testing.T, stop func() error) {
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// boot creates the VMI, and boots its guest at the address of its launcher pod.
func (w *world) boot(t *testing.T) {
	t.Helper()
	if _, err := w.cluster.Kubectl(t.Context(), strings.NewReader(vmi), "apply", "--server-side", "-n", "default", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	pod := w.launcherPod(t)
	began := time.Now()
	var err error
	w.guest, err = w.machine.Boot(t.Context(), guest.Launcher{
		Program: os.Getenv(launcherVariable), Domain: "default_web",
		PodUID: string(pod.UID), Address: netip.MustParseAddr(pod.Status.PodIP), PodsDir: w.cluster.PodsDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("The guest booted in %.1f s.", time.Since(began).Seconds())
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var keeping sync.WaitGroup
	keeping.Go(func() { w.keepCounts(ctx) })
	t.Cleanup(func() { cancel(); keeping.Wait() })
}

func (w *world) launcherPod(t *testing.T) corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	w.eventually(t, podTimeout, func(ctx context.Context) error {
		text, err := w.cluster.Kubectl(ctx, nil, "get", "pods", "-n", "default", "-l", "kubevirt.io=virt-launcher",
			"--field-selector=status.phase=Running", "-o", "json")
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(text), &pods); err != nil {
			return err
		}
		if len(pods.Items) != 1 || pods.Items[0].Status.PodIP == "" {
			return fmt.Errorf("%d launcher pods run and have an address, want 1", len(pods.Items))
		}
		return nil
	})
	return pods.Items[0]
}

// served is a value as the API serves it.
type served struct {
	value    float64
	from, to time.Time
}

func (s served) seconds() float64 { return s.to.Sub(s.from).Seconds() }

// servedSince waits until a metric of the guest is served whose time does not
// reach back further than since.
func (w *world) servedSince(t *testing.T, metric string, since time.Time) served {
	t.Helper()
	var s served
	w.eventually(t, servedTimeout, func(ctx context.Context) error {
		text, err := w.cluster.Kubectl(ctx, nil, "get", "--raw",
			"/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/virtualmachineinstances.kubevirt.io/web/"+metric)
		if err != nil {
			return err
		}
		var list v1beta2.MetricValueList
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			return err
		}
		item := list.Items[0]
		s = served{value: item.Value.AsApproximateFloat64(), from: item.Timestamp.Time, to: item.Timestamp.Time}
		if item.WindowSeconds != nil {
			s.from = s.to.Add(-time.Duration(*item.WindowSeconds) * time.Second)
		}
		if s.from.Before(since.Add(rounding)) {
			return fmt.Errorf("%s is served of a time before the guest's load was changed", metric)
		}
		return nil
	})
	return s
}

// keepCounts writes down what the guest counts until the context ends.
func (w *world) keepCounts(ctx context.Context) {
	ticker := time.NewTicker(countInterval)
	defer ticker.Stop()
	for {
		counts, err := w.guest.Count(ctx)
		if ctx.Err() != nil {
			return
		}
		w.mu.Lock()
		if err == nil {
			w.counts = append(w.counts, counts)
		}
		w.err = err
		w.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// count returns what the guest counts now.
func (w *world) count(t *testing.T) guest.Counts {
	t.Helper()
	asked := time.Now()
	var last guest.Counts
	w.eventually(t, countTimeout, func(context.Context) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case w.err != nil:
			return w.err
		case len(w.counts) == 0 || w.counts[len(w.counts)-1].At.Before(asked):
			return errors.New("the guest has not told its counts again")
		}
		last = w.counts[len(w.counts)-1]
		return nil
	})
	return last
}

// during returns what the guest counted in the time of a served value.
func (w *world) during(t *testing.T, s served) guest.Counts {
	t.Helper()
	w.count(t) // a time after s
	w.mu.Lock()
	defer w.mu.Unlock()
	return guest.At(w.counts, s.to).Minus(guest.At(w.counts, s.from))
}

// eventually polls until try succeeds.
func (w *world) eventually(t *testing.T, limit time.Duration, try func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), pollInterval, limit, true, func(ctx context.Context) (bool, error) {
		last = try(ctx)
		return last == nil, w.check()
	})
	if err != nil {
		t.Fatalf("not within %s: %v (%v)", limit, last, err)
	}
}

// check returns an error when something has ended that is to run.
func (w *world) check() error {
	if err := w.machine.Check(); err != nil {
		return err
	}
	return w.cluster.Check()
}
