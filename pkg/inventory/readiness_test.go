package inventory

import (
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

// observed is a change of a VMI as the API reports it.
type observed struct {
	after time.Duration // Since the step before.
	ready bool
	since time.Duration // When Ready changed, after noon.
}

func TestWarmUp(t *testing.T) {
	for _, test := range []struct {
		name    string
		running time.Duration // Since when, after noon.
		changes []observed
		then    time.Duration // How long after the last step the question is asked.
		want    string
	}{
		{"Ready for a part of it", 0, []observed{{5 * time.Second, true, 5 * time.Second}}, 20 * time.Second, "warming up for another 40s"},
		{"Ready for all of it", 0, []observed{{5 * time.Second, true, 5 * time.Second}}, time.Minute, "counts"},
		{
			"a pod without a probe is Ready before the guest runs",
			10 * time.Second, []observed{{10 * time.Second, true, 0}}, 30 * time.Second, "warming up for another 30s",
		},
		{
			"Ready for a part of it when the server starts",
			0, []observed{{40 * time.Second, true, 10 * time.Second}}, 0, "warming up for another 30s",
		},
		{"long Ready when the server starts", 0, []observed{{time.Hour, true, 10 * time.Second}}, 0, "counts"},
		{"not Ready", 0, []observed{{0, false, -time.Second}}, time.Hour, "not Ready yet"},
		{
			"losing Ready during it starts it anew",
			0,
			[]observed{{5 * time.Second, true, 5 * time.Second}, {30 * time.Second, false, 35 * time.Second}, {10 * time.Second, true, 45 * time.Second}},
			20 * time.Second, "warming up for another 40s",
		},
		{
			"losing Ready during it, long after the start",
			0,
			[]observed{{0, false, -time.Second}, {5 * time.Minute, true, 5 * time.Minute}, {5 * time.Second, false, 305 * time.Second}},
			time.Second, "not Ready yet",
		},
		{
			"losing Ready during it, reported twice",
			0,
			[]observed{
				{0, false, -time.Second},
				{5 * time.Minute, true, 5 * time.Minute},
				{5 * time.Second, false, 305 * time.Second},
				{time.Second, false, 305 * time.Second},
			},
			time.Second, "not Ready yet",
		},
		{
			"losing Ready after it changes nothing",
			0, []observed{{5 * time.Second, true, 5 * time.Second}, {2 * time.Minute, false, 125 * time.Second}}, time.Hour, "counts",
		},
		{
			"having lost Ready after it when the server starts",
			0, []observed{{time.Hour, false, 50 * time.Minute}}, 0, "counts",
		},
		{
			"having lost Ready soon after the start when the server starts",
			0, []observed{{time.Hour, false, 30 * time.Second}}, 0, "not Ready yet",
		},
		{
			"Ready again for a part of it when the server starts, after it may have been Ready for all of it",
			0,
			[]observed{{time.Hour, true, 59*time.Minute + 30*time.Second}}, 10 * time.Second,
			"Ready again for less than its warm-up, and what was before this server started is not known: counts in 20s at the latest",
		},
		{
			"that past does not matter once it was Ready for all of it",
			0,
			[]observed{{time.Hour, true, 59*time.Minute + 30*time.Second}}, 30 * time.Second, "counts",
		},
		{
			"losing Ready once more where the past is not known",
			0,
			[]observed{{time.Hour, true, 59*time.Minute + 30*time.Second}, {10 * time.Second, false, 60*time.Minute + 10*time.Second}}, 0, "counts",
		},
		{
			"another change meanwhile does not start it anew",
			0, []observed{{5 * time.Second, true, 5 * time.Second}, {30 * time.Second, true, 5 * time.Second}}, 0, "warming up for another 30s",
		},
		{
			"the API's clock is ahead",
			10 * time.Minute, []observed{{0, true, 10 * time.Minute}}, 20 * time.Second, "warming up for another 40s",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			v := vmi("a")
			w.PutPod(launcher("p", v))
			for _, step := range test.changes {
				w.now = w.now.Add(step.after)
				v.RunningSince = noon.Add(test.running)
				v.Ready, v.ReadyTransition = step.ready, noon.Add(step.since)
				w.PutVMI(v)
			}
			w.now = w.now.Add(test.then)
			if diff := cmp.Diff(test.want, w.whetherCounts("a")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// stepped returns t as it would be read after the machine's clock was set
// forward by d, in whole seconds: another wall clock, the same monotonic one. The
// package time has no way to make such a value.
func stepped(t *testing.T, at time.Time, d time.Duration) time.Time {
	t.Helper()
	after := at
	*(*int64)(unsafe.Pointer(&after)) += int64(d/time.Second) << 30
	if wall := after.Round(0).Sub(at.Round(0)); wall != d || after.Sub(at) != 0 {
		t.Fatalf("the wall clock went by %s and the monotonic one by %s, want %s and 0s: is time.Time no longer laid out as this test knows it?",
			wall, after.Sub(at), d)
	}
	return after
}

func TestAClockStepChangesNothingAfterReadyWasSeen(t *testing.T) {
	for name, step := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.now = time.Now() // With a monotonic reading.
			v := vmi("a")
			v.RunningSince, v.ReadyTransition = w.now.Round(0), w.now.Round(0)
			w.start(v)
			w.now = stepped(t, w.now.Add(20*time.Second), step)
			w.PutVMI(v) // Reported once more, as at each change of the VMI.
			if got, want := w.whetherCounts("a"), "warming up for another 40s"; got != want {
				t.Errorf("after the step the VMI is %s, want %s", got, want)
			}
			w.now = w.now.Add(40 * time.Second)
			if got, want := w.whetherCounts("a"), "counts"; got != want {
				t.Errorf("after its warm-up the VMI is %s, want %s", got, want)
			}
		})
	}
}
