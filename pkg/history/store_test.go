package history

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guest-metrics-server/pkg/series"
)

var start = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// A step is a sample of vCPU seconds, by id, or of received bytes, by interface, at
// a second.
type step struct {
	second float64
	node   string // "n1" when empty.
	vcpus  map[string]float64
}

func (s step) sample() Sample {
	layout := &series.Layout{}
	var values []float64
	for _, id := range slices.Sorted(maps.Keys(s.vcpus)) {
		family := series.VCPUSeconds
		if strings.HasPrefix(id, "eth") {
			family = series.NetworkReceiveBytes
		}
		layout.Keys = append(layout.Keys, series.Key{Family: family, Device: id})
		values = append(values, s.vcpus[id])
	}
	return Sample{At: start.Add(time.Duration(s.second * float64(time.Second))), Layout: layout, Values: values}
}

// render writes the rates of a window: "0=0.5/30s 1=1/30s at 30s".
func render(w Window, ok bool) string {
	if !ok {
		return "nothing"
	}
	every := func(string) bool { return true }
	whole, ok := w.Rates(series.VCPUSeconds, every, math.Inf(1))
	if !ok {
		return fmt.Sprintf("no rate, newest at %v", w.Newest().Sub(start))
	}
	var out strings.Builder
	for id := range w.Until(whole.At).Latest(series.VCPUSeconds) {
		one, _ := w.Until(whole.At).Rates(series.VCPUSeconds, func(device string) bool { return device == id }, math.Inf(1))
		fmt.Fprintf(&out, "%s=%.4g/%v ", id, one.PerSecond, one.Span)
	}
	fmt.Fprintf(&out, "at %v", whole.At.Sub(start))
	return out.String()
}

func TestRates(t *testing.T) {
	one := func(v float64) map[string]float64 { return map[string]float64{"0": v} }
	two := func(a, b float64) map[string]float64 { return map[string]float64{"0": a, "1": b} }
	nan := math.NaN()
	for _, test := range []struct {
		name  string
		steps []step
		want  string
	}{
		{"no sample", nil, "nothing"},
		{"one sample gives no rate", []step{{0, "", one(5)}}, "no rate, newest at 0s"},
		{"two samples give a rate over the span there is", []step{{0, "", one(5)}, {15, "", one(12.5)}}, "0=0.5/15s at 15s"},
		{"an idle guest is a true zero", []step{{0, "", one(5)}, {15, "", one(5)}}, "0=0/15s at 15s"},
		{
			"a span reaches over the window and no further",
			[]step{{0, "", one(1)}, {15, "", one(1)}, {30, "", one(1)}, {45, "", one(4)}},
			"0=0.1/30s at 45s",
		},
		{
			"a window's scrapes may be a little late",
			[]step{{0, "", one(1)}, {15, "", one(1)}, {31.5, "", one(4.15)}},
			"0=0.1/31.5s at 31.5s",
		},
		{"a failed scrape costs nothing but age", []step{{0, "", one(1)}, {30, "", one(16)}}, "0=0.5/30s at 30s"},
		{"a sample from the past is dropped", []step{{0, "", one(1)}, {15, "", one(4)}, {10, "", one(3)}}, "0=0.2/15s at 15s"},
		{
			"a span reaches over an outage when there is nothing nearer",
			[]step{{0, "", one(100)}, {15, "", one(109)}, {225, "", one(256)}},
			"0=0.7/3m30s at 3m45s",
		},
		{
			"after an outage the first two samples give the rate",
			[]step{{0, "", one(100)}, {15, "", one(109)}, {225, "", one(256)}, {240, "", one(259)}},
			"0=0.2/15s at 4m0s",
		},
		{
			"a span reaches over ten windows at most",
			[]step{{0, "", one(100)}, {15, "", one(109)}, {316, "", one(256)}},
			"no rate, newest at 5m16s",
		},
		{
			"a decrease ends the span, the rate before it stays until there is a new one",
			[]step{{0, "", one(100)}, {15, "", one(103)}, {30, "", one(1)}},
			"0=0.2/15s at 15s",
		},
		{
			"after a decrease the first two samples give the rate",
			[]step{{0, "", one(100)}, {15, "", one(103)}, {30, "", one(1)}, {45, "", one(7)}},
			"0=0.4/15s at 45s",
		},
		{
			"two decreases in a row: the last rate stays",
			[]step{{0, "", one(100)}, {15, "", one(103)}, {30, "", one(50)}, {45, "", one(1)}},
			"0=0.2/15s at 15s",
		},
		{
			"a decrease of one vCPU ends the span of all",
			[]step{{0, "", two(3, 9)}, {15, "", two(4, 1)}, {30, "", two(7, 4)}},
			"0=0.2/15s 1=0.2/15s at 30s",
		},
		{
			"more than a vCPU can run is a new machine",
			[]step{{0, "", one(3)}, {15, "", one(90)}},
			"no rate, newest at 15s",
		},
		{
			"an unread zero is no reset and no spike: all end before it",
			[]step{{0, "", two(100, 50)}, {15, "", two(103, 51.5)}, {30, "", two(0, 59)}},
			"0=0.2/15s 1=0.1/15s at 15s",
		},
		{
			"a span reaches over an unread zero",
			[]step{{0, "", two(100, 50)}, {15, "", two(0, 51.5)}, {30, "", two(106, 53)}},
			"0=0.2/30s 1=0.1/30s at 30s",
		},
		{
			"a span reaches over any number of unread zeros",
			[]step{
				{0, "", two(100, 50)}, {15, "", two(103, 51)},
				{30, "", two(0, 52)}, {45, "", two(0, 53)}, {60, "", two(0, 54)}, {75, "", two(0, 55)}, {90, "", two(0, 56)},
				{105, "", two(121, 57)},
			},
			"0=0.2/1m30s 1=0.06667/30s at 1m45s",
		},
		{
			"after unread zeros the first two values give the rate",
			[]step{{0, "", one(100)}, {15, "", one(0)}, {30, "", one(0)}, {45, "", one(109)}, {60, "", one(115)}},
			"0=0.4/15s at 1m0s",
		},
		{
			"a restart may fall below the value before unread zeros",
			[]step{{0, "", one(100)}, {15, "", one(103)}, {30, "", one(0)}, {45, "", one(2)}, {60, "", one(5)}},
			"0=0.2/15s at 1m0s",
		},
		{
			"no rate begins at a zero, which may be unread",
			[]step{{0, "", two(0, 50)}, {15, "", two(10, 51.5)}},
			"no rate, newest at 15s",
		},
		{
			"a zero from the beginning on is not believed",
			[]step{{0, "", two(0, 50)}, {15, "", two(0, 51.5)}, {30, "", two(0, 51.5)}, {45, "", two(0, 51.5)}},
			"no rate, newest at 45s",
		},
		{
			"until it has stayed for two windows: the vCPU never ran",
			[]step{
				{0, "", two(0, 50)}, {15, "", two(0, 51)}, {30, "", two(0, 52)},
				{45, "", two(0, 53)}, {60, "", two(0, 54)}, {75, "", two(0, 60)},
			},
			"0=0/30s 1=0.2333/30s at 1m15s",
		},
		{
			"a restart that finds a counter at zero: the rates before it stay until all have one",
			[]step{{0, "", two(90, 100)}, {15, "", two(93, 103)}, {30, "", two(0, 1)}, {45, "", two(3, 7)}},
			"0=0.2/15s 1=0.2/15s at 15s",
		},
		{
			"a hot-plugged vCPU has no rate at first: the rate before it stays",
			[]step{{0, "", one(1)}, {15, "", one(4)}, {30, "", two(7, 40)}},
			"0=0.2/15s at 15s",
		},
		{
			"a hot-plugged vCPU counts from its second sample",
			[]step{{0, "", one(1)}, {15, "", two(4, 40)}, {30, "", two(7, 46)}},
			"0=0.2/30s 1=0.4/15s at 30s",
		},
		{
			"a hot-plugged vCPU that has not run yet",
			[]step{{0, "", one(1)}, {15, "", two(4, 0)}, {30, "", two(7, 0)}},
			"0=0.2/30s 1=0/15s at 30s",
		},
		{
			"a vCPU that is absent shifts nothing",
			[]step{{0, "", two(1, 40)}, {15, "", two(4, 46)}, {30, "", one(4)}, {45, "", one(4)}},
			"0=0.2/15s 1=0.4/15s at 15s",
		},
		{
			"a vCPU that was absent at a run's second sample shifts nothing",
			[]step{{0, "", two(1, 40)}, {15, "", one(4)}},
			"no rate, newest at 15s",
		},
		{
			"a span reaches over a gap of one vCPU",
			[]step{{0, "", two(1, 40)}, {15, "", one(4)}, {30, "", two(7, 52)}},
			"0=0.2/30s 1=0.4/30s at 30s",
		},
		{
			"a vCPU that stays absent for longer than a window was unplugged",
			[]step{{0, "", two(1, 40)}, {15, "", two(2, 43)}, {30, "", one(3)}, {45, "", one(4)}, {60, "", one(7)}},
			"0=0.1333/30s at 1m0s",
		},
		{
			"another node starts afresh, the rate before stays until there is a new one",
			[]step{{0, "n1", one(1)}, {15, "n1", one(4)}, {30, "n2", one(20)}},
			"0=0.2/15s at 15s",
		},
		{
			"no span reaches over a change of the node",
			[]step{{0, "n1", one(1)}, {15, "n1", one(4)}, {30, "n2", one(5)}, {45, "n2", one(6.5)}},
			"0=0.1/15s at 45s",
		},
		{
			"a vCPU that was in the last response, and in no whole sample yet, is not unplugged when it is absent",
			[]step{{0, "", one(1)}, {15, "", one(4)}, {30, "", two(7, 5)}, {45, "", one(10)}},
			"0=0.2/15s at 15s",
		},
		{
			"a vCPU that read 0 at first and then its real time is no other machine",
			[]step{{0, "", two(0, 50)}, {15, "", two(40, 53)}, {30, "", two(43, 56)}},
			"0=0.2/15s 1=0.2/30s at 30s",
		},
		{
			"a vCPU that is back after it seemed to be unplugged goes on from before",
			[]step{{0, "", two(1, 40)}, {15, "", two(4, 43)}, {30, "", one(7)}, {45, "", one(10)}, {60, "", one(13)}, {75, "", two(16, 55)}},
			"0=0.2/30s 1=0.2/1m0s at 1m15s",
		},
		{
			"samples without any vCPU end no rate",
			[]step{{0, "n1", one(1)}, {15, "n1", one(4)}, {30, "n2", map[string]float64{"eth0": nan}}, {45, "n2", map[string]float64{"eth0": nan}}},
			"0=0.2/15s at 15s",
		},
		{
			"a value that makes no sense is as one that could not be read",
			[]step{{0, "", two(1, 1)}, {15, "", two(4, nan)}, {30, "", two(7, 7)}},
			"0=0.2/30s 1=0.2/30s at 30s",
		},
		{
			"a value that never makes sense leaves all unknown",
			[]step{{0, "", two(1, nan)}, {15, "", two(4, nan)}, {30, "", two(7, nan)}},
			"no rate, newest at 30s",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := NewStore(30 * time.Second)
			for _, s := range test.steps {
				node := s.node
				if node == "" {
					node = "n1"
				}
				st.Append("uid", node, s.sample())
			}
			if diff := cmp.Diff(test.want, render(st.Window("uid"))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// However samples come, no more of them are held than a rate can begin at.
func TestSamplesHeldOfAVMI(t *testing.T) {
	for _, test := range []struct {
		name   string
		values func(n int) map[string]float64
		want   int
	}{
		{"usually", func(n int) map[string]float64 { return map[string]float64{"0": 1 + float64(n)} }, 3},
		{"of one that never ran", func(int) map[string]float64 { return map[string]float64{"0": 1, "1": 0} }, 3},
		{"of one that is never read", func(int) map[string]float64 { return map[string]float64{"0": math.NaN()} }, 21},
		{"of one that is plugged in and out", func(n int) map[string]float64 {
			if n%2 == 0 {
				return map[string]float64{"0": 1 + float64(n)}
			}
			return map[string]float64{"0": 1 + float64(n), "1": 1 + float64(n)}
		}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := NewStore(30 * time.Second)
			for n := range 100 {
				st.Append("uid", "n1", step{15 * float64(n), "", test.values(n)}.sample())
			}
			if _, samples := st.Size(); samples > test.want {
				t.Errorf("%d samples are held, want %d at most", samples, test.want)
			}
		})
	}
}

func TestAWindowNeverChanges(t *testing.T) {
	st := NewStore(30 * time.Second)
	st.Append("uid", "n1", step{0, "", map[string]float64{"0": 0}}.sample())
	st.Append("uid", "n1", step{15, "", map[string]float64{"0": 3}}.sample())
	w, ok := st.Window("uid")
	before := render(w, ok)
	for second := 30.0; second < 120; second += 15 {
		st.Append("uid", "n1", step{second, "", map[string]float64{"0": second}}.sample())
	}
	if diff := cmp.Diff(before, render(w, ok)); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
}

func TestPruneForgetsVMIsThatAreGone(t *testing.T) {
	st := NewStore(30 * time.Second)
	st.Append("gone", "n1", step{0, "", map[string]float64{"0": 0}}.sample())
	st.Append("here", "n1", step{0, "", map[string]float64{"0": 0}}.sample())
	st.Prune(func(uid string) bool { return uid == "here" })
	if vmis, samples := st.Size(); vmis != 1 || samples != 1 {
		t.Errorf("got %d VMIs with %d samples, want 1 with 1", vmis, samples)
	}
	if _, ok := st.Window("gone"); ok {
		t.Error("the VMI that is gone is still there")
	}
}
