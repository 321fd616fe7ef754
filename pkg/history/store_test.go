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

// A step is a sample of vCPU seconds, by id, at a second.
type step struct {
	second float64
	node   string // "n1" when empty.
	vcpus  map[string]float64
}

func (s step) sample() Sample {
	layout := &series.Layout{}
	var values []float64
	for _, id := range slices.Sorted(maps.Keys(s.vcpus)) {
		layout.Keys = append(layout.Keys, series.Key{Family: series.VCPUSeconds, Device: id})
		values = append(values, s.vcpus[id])
	}
	return Sample{At: start.Add(time.Duration(s.second * float64(time.Second))), Layout: layout, Values: values}
}

// render writes the rates of a window: "0=0.5/30s 1=1/30s at 30s".
func render(w Window, ok bool) string {
	if !ok {
		return "nothing"
	}
	if !w.HasRates() {
		return fmt.Sprintf("no rate, newest at %v", w.Newest().Sub(start))
	}
	var out strings.Builder
	for id, rate := range w.Rates(series.VCPUSeconds) {
		fmt.Fprintf(&out, "%s=%.4g/%v ", id, rate.PerSecond, rate.Span)
	}
	fmt.Fprintf(&out, "at %v", w.RatesAt().Sub(start))
	return out.String()
}

func TestRates(t *testing.T) {
	one := func(v float64) map[string]float64 { return map[string]float64{"0": v} }
	two := func(a, b float64) map[string]float64 { return map[string]float64{"0": a, "1": b} }
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
			[]step{{0, "", one(0)}, {15, "", one(0)}, {30, "", one(0)}, {45, "", one(3)}},
			"0=0.1/30s at 45s",
		},
		{
			"a window's scrapes may be a little late",
			[]step{{0, "", one(0)}, {15, "", one(0)}, {31.5, "", one(3.15)}},
			"0=0.1/31.5s at 31.5s",
		},
		{"a failed scrape costs nothing but age", []step{{0, "", one(0)}, {30, "", one(15)}}, "0=0.5/30s at 30s"},
		{"samples farther apart than the window give no rate", []step{{0, "", one(0)}, {45, "", one(15)}}, "no rate, newest at 45s"},
		{"a sample from the past is dropped", []step{{0, "", one(0)}, {15, "", one(3)}, {10, "", one(2)}}, "0=0.2/15s at 15s"},
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
			"a decrease of one vCPU ends the span of all",
			[]step{{0, "", two(3, 9)}, {15, "", two(4, 1)}, {30, "", two(7, 4)}},
			"0=0.2/15s 1=0.2/15s at 30s",
		},
		{
			"a zero that libvirt could not read is no reset and no spike",
			[]step{{0, "", two(100, 50)}, {15, "", two(0, 51.5)}, {30, "", two(103, 53)}, {45, "", two(106, 54.5)}},
			"0=0.2/15s 1=0.1/30s at 45s",
		},
		{
			"a restart that finds a counter at a true zero gives rates of all from its first two samples",
			[]step{{0, "", two(90, 100)}, {15, "", two(93, 103)}, {30, "", two(0, 1)}, {45, "", two(3, 7)}},
			"0=0.2/15s 1=0.4/15s at 45s",
		},
		{
			"more than a vCPU can run is a new machine",
			[]step{{0, "", one(3)}, {15, "", one(90)}},
			"no rate, newest at 15s",
		},
		{
			"a hot-plugged vCPU counts from its second sample",
			[]step{{0, "", one(0)}, {15, "", two(3, 40)}, {30, "", two(6, 46)}},
			"0=0.2/30s 1=0.4/15s at 30s",
		},
		{
			"an unplugged vCPU is gone",
			[]step{{0, "", two(0, 40)}, {15, "", one(3)}},
			"0=0.2/15s at 15s",
		},
		{
			"another node starts afresh, the rate before stays until there is a new one",
			[]step{{0, "n1", one(0)}, {15, "n1", one(3)}, {30, "n2", one(20)}},
			"0=0.2/15s at 15s",
		},
		{
			"no span reaches over a change of the node",
			[]step{{0, "n1", one(0)}, {15, "n1", one(3)}, {30, "n2", one(4)}, {45, "n2", one(5.5)}},
			"0=0.1/15s at 45s",
		},
		{
			"a value that is unknown ends the span of its vCPU",
			[]step{{0, "", two(0, 0)}, {15, "", two(3, math.NaN())}, {30, "", two(6, 6)}},
			"0=0.2/30s at 30s",
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
