package script

import (
	"math"
	"strconv"
	"testing"
	"time"
)

// Each shape at moments after its start: the factor, and the work done since
// ten seconds before the start.
func TestShapes(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	type moment struct {
		at           time.Duration
		factor, work float64
	}
	tests := map[string]struct {
		pairs   []string
		moments []moment
	}{
		"constant": {nil, []moment{{-10 * time.Second, 1, 0}, {20 * time.Second, 1, 30}}},
		"step": {[]string{"shape-low-percent", "20"}, []moment{
			{-5 * time.Second, 0.2, 1}, {0, 0.2, 2}, {4 * time.Second, 1, 6},
		}},
		"ramp": {[]string{"shape-low-percent", "20", "shape-rise-seconds", "10"}, []moment{
			{0, 0.2, 2}, {5 * time.Second, 0.6, 4}, {10 * time.Second, 1, 8}, {12 * time.Second, 1, 10},
		}},
		"square": {[]string{"shape-low-percent", "20", "shape-period-seconds", "8"}, []moment{
			{3 * time.Second, 1, 5}, {6 * time.Second, 0.2, 6.4}, {8 * time.Second, 1, 6.8}, {9 * time.Second, 1, 7.8}, {86 * time.Second, 0.2, 54.4},
		}},
		"saw": {[]string{"shape-low-percent", "50", "shape-rise-seconds", "4", "shape-period-seconds", "8"}, []moment{
			{2 * time.Second, 0.75, 6.25}, {4 * time.Second, 0.5, 8}, {8 * time.Second, 0.5, 10}, {10 * time.Second, 0.75, 11.25},
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			pairs := append([]string{"shape-start", strconv.FormatInt(start.Unix(), 10), "cpu-percent", "100"}, test.pairs...)
			s, err := Parse(annotations(pairs...))
			if err != nil {
				t.Fatal(err)
			}
			guest := NewGuest(1, s, start.Add(-10*time.Second))
			for _, m := range test.moments {
				now := start.Add(m.at)
				if got := s.Factor(now); math.Abs(got-m.factor) > 1e-9 {
					t.Errorf("after %v the factor is %v, want %v", m.at, got, m.factor)
				}
				if got := guest.At(now).VCPU.Seconds(); math.Abs(got-m.work) > 1e-6 {
					t.Errorf("after %v the guest ran for %v s, want %v", m.at, got, m.work)
				}
			}
		})
	}
}

func TestGaugesFollowTheShape(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	s, err := Parse(annotations("shape-start", "1800000000", "shape-low-percent", "50", "memory-used-percent", "60", "cpu-percent", "80"))
	if err != nil {
		t.Fatal(err)
	}
	guest := NewGuest(2, s, start)
	for at, want := range map[time.Duration]float64{-time.Second: 30, time.Second: 60} {
		if got := guest.Gauge(MemoryUsedPercent, start.Add(at)); got != want {
			t.Errorf("%v after the start %v %% of memory are used, want %v", at, got, want)
		}
	}
	if got := guest.Gauge(Load1m, start.Add(time.Second)); got != 1.6 {
		t.Errorf("the load is %v, want that of two vCPUs at 80 %%: 1.6", got)
	}
}
