//go:build e2e

package guest_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"guest-metrics-server/test/web"
)

// A step is skipped when the guest got less than this of the CPU time that it
// wanted: what it counts then depends on what the host did meanwhile.
const maxStealPercent = 15

const (
	utilization = "guest_cpu_utilization_percent"
	demand      = "guest_cpu_demand_percent"
	steal       = "guest_cpu_steal_percent"
)

// settling is how long a value may still tell of the load before: virt-handler
// takes more than a second for a page, which is about its beginning.
const settling = 2 * time.Second

// TestServedValuesAgreeWithTheGuest compares what the API serves of a guest with
// what that counts itself, over the same time. Subtests run one after the other,
// since each gives the guest other work.
func TestServedValuesAgreeWithTheGuest(t *testing.T) {
	w := newWorld(t)
	r := &report{}
	defer r.print(t)
	for _, load := range []struct {
		name      string
		percent   int
		low, high float64
	}{
		{"idle", 0, 0, 10},
		{"half busy", 50, 30, 65},
		{"busy", 100, 70, 100},
	} {
		t.Run(load.name, func(t *testing.T) {
			w.setLoad(t, load.percent)
			cpu := w.servedSince(t, utilization, time.Now().Add(settling))
			if !w.undisturbed(t, r, load.name) {
				return
			}
			// The vCPU's thread also emulates devices for the guest, which the
			// guest cannot see, and most so when it wakes up often.
			r.compare(t, load.name, utilization, w.busyPercent(t, cpu), cpu.value, 8)
			if cpu.value < load.low || cpu.value > load.high {
				t.Errorf("%.1f %% is served of a guest that is to be %s, want %v to %v", cpu.value, load.name, load.low, load.high)
			}
		})
	}
	t.Run("requests", func(t *testing.T) { w.testRequests(t, r) })
	t.Run("busy on a busy host", func(t *testing.T) { w.testContention(t, r) })
}

// testRequests compares while clients send requests, at an even rate so that it
// does not matter that the API speaks of whole seconds.
func (w *world) testRequests(t *testing.T, r *report) {
	const step = "requests"
	w.setLoad(t, 0)
	answered, stop := w.request(t, 100)
	began := time.Now()
	requests := w.servedSince(t, "guest_http_requests_per_second", began)
	// nginx counts the server's reads of its page too, which the server leaves out.
	// What is left is the way to the guest and back, at both ends of the window.
	own := w.during(t, requests).Requests/requests.seconds() - 1/scrapeInterval.Seconds()
	r.compare(t, step, "guest_http_requests_per_second", own, requests.value, 0.02*own)

	received := w.servedSince(t, "guest_network_receive_bytes_per_second", began.Add(settling))
	own = w.during(t, received).ReceivedBytes / received.seconds()
	// A page is about some moment of the second and more that it takes.
	r.compare(t, step, "guest_network_receive_bytes_per_second", own, received.value, 0.05*own)

	memory := w.servedSince(t, "guest_memory_utilization_percent", began)
	r.compare(t, step, "guest_memory_utilization_percent", w.count(t).MemoryUtilizationPercent, memory.value, 5)

	stop()
	logged, err := w.guest.Logged(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.compare(t, step, "(answers logged by the guest, got)", float64(logged), float64(answered()), 0)
}

// testContention takes from the guest half of the CPU time that it wants: it is
// as busy as before, which only utilization and steal together show.
func (w *world) testContention(t *testing.T, r *report) {
	const step = "busy on a busy host"
	w.setLoad(t, 100)
	if err := w.machine.Contend(); err != nil {
		t.Fatal(err)
	}
	cpu := w.servedSince(t, utilization, time.Now().Add(settling))
	r.note(row, step, utilization, w.busyPercent(t, cpu), cpu.value, "(see below)")
	if cpu.value > 80 {
		t.Errorf("%s is %.1f of a guest that gets half of a CPU", utilization, cpu.value)
	}
	demanded := w.servedSince(t, demand, cpu.from)
	r.compare(t, step, demand, w.busyPercent(t, demanded), demanded.value, 10)
}

// setLoad makes the guest busy from now on.
func (w *world) setLoad(t *testing.T, percent int) {
	t.Helper()
	if err := w.guest.Load(t.Context(), percent); err != nil {
		t.Fatal(err)
	}
}

// request sends requests to the guest until stop is called. Then answered tells
// how many there were, all of which the guest must have answered.
func (w *world) request(t *testing.T, perSecond float64) (answered func() int, stop func()) {
	t.Helper()
	load := web.NewLoad()
	load.SetTargets(w.guest.Site())
	load.SetRate(perSecond)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); load.Run(ctx) }()
	stop = func() { load.SetRate(0); time.AfterFunc(time.Second, cancel); <-done }
	t.Cleanup(func() { cancel(); <-done })
	return func() int {
		t.Helper()
		counts := load.Counts()[w.guest.Site()]
		if counts.Failed > 0 {
			t.Errorf("%d requests failed, the last with: %v", counts.Failed, counts.Failure)
		}
		return counts.Answered
	}, stop
}

// busyPercent is what share of the time of a value the guest's CPU was busy.
func (w *world) busyPercent(t *testing.T, during served) float64 {
	t.Helper()
	truth := w.during(t, during)
	return 100 * truth.BusySeconds / truth.UptimeSeconds
}

// undisturbed reports whether the guest got the CPU time that it wanted.
func (w *world) undisturbed(t *testing.T, r *report, step string) bool {
	t.Helper()
	waited := w.servedSince(t, steal, time.Time{}).value
	if waited > maxStealPercent {
		r.note("*** %q IS NOT CHECKED: the guest waited for the host's CPUs for %.0f %% of the time, more than %d %%. ***", step, waited, maxStealPercent)
		return false
	}
	return true
}

// report is what the test found, for people to read.
type report struct{ lines []string }

// row is the format of a line of a report.
const row = "%-20s %-38s %9.2f %9.2f   %s"

func (r *report) note(format string, args ...any) {
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

// compare takes down two values and fails the test when they are too far apart.
func (r *report) compare(t *testing.T, step, what string, guest, served, tolerance float64) {
	t.Helper()
	r.note(row, step, what, guest, served, fmt.Sprintf("± %.2f", tolerance))
	if difference := math.Abs(served - guest); !(difference <= tolerance) {
		t.Errorf("%s: the guest counts %.2f, %.2f is served: %.2f apart, want at most %.2f", what, guest, served, difference, tolerance)
	}
}

func (r *report) print(t *testing.T) {
	t.Logf("What the guest counted itself, and what was served of it over the same time:\n\n%-20s %-38s %9s %9s   %s\n%s\n",
		"", "", "the guest", "served", "may differ by", strings.Join(r.lines, "\n"))
}
