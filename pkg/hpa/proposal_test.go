package hpa

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// These are the rules in examples. That they are Kubernetes' own is shown by
// test/hpa, which runs its controller beside this package.

var now = time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC)

func pod(name string, phase Phase) Pod {
	return Pod{Name: name, Phase: phase, Started: now.Add(-time.Hour), Ready: Ready{Status: True, Transition: now.Add(-59 * time.Minute)}}
}

func running(names ...string) []Pod {
	var pods []Pod
	for _, name := range names {
		pods = append(pods, pod(name, Running))
	}
	return pods
}

// values are the pods' values in whole units.
func values(units map[string]int64) Reading {
	r := Reading{Pods: map[string]PodValue{}}
	for name, value := range units {
		r.Pods[name] = PodValue{ValueMilli: value * 1000}
	}
	return r
}

var (
	podsOf50    = Metric{Source: Pods, Name: "load", TargetType: AverageValue, TargetMilli: 50_000}
	sumOf50     = Metric{Source: Object, Name: "sum", TargetType: AverageValue, TargetMilli: 50_000}
	valueOf50   = Metric{Source: Object, Name: "value", TargetType: Value, TargetMilli: 50_000}
	seriesOf50  = Metric{Source: External, Name: "queue", TargetType: AverageValue, TargetMilli: 50_000}
	percentOf80 = Metric{Source: Resource, Name: CPU, TargetType: Utilization, TargetPercent: 80}
)

func TestProposal(t *testing.T) {
	tests := map[string]struct {
		metric  Metric
		pods    []Pod
		reading Reading
		change  func(*Controller)
		want    Proposal // of a target with 4 replicas
	}{
		"pods above the target": {
			metric: podsOf50, pods: running("a", "b", "c", "d"),
			reading: values(map[string]int64{"a": 80, "b": 60, "c": 80, "d": 60}),
			want:    Proposal{Replicas: 6, Outcome: Scaled, Ratio: 1.4, UsageMilli: 70_000, Groups: Groups{Ready: []string{"a", "b", "c", "d"}}},
		},
		"pods within the tolerance": {
			metric: podsOf50, pods: running("a", "b"),
			reading: values(map[string]int64{"a": 55, "b": 55}),
			want:    Proposal{Replicas: 4, Outcome: WithinTolerance, Ratio: 1.1, UsageMilli: 55_000, Groups: Groups{Ready: []string{"a", "b"}}},
		},
		"a missing pod is at the target on the way down": {
			metric: podsOf50, pods: running("a", "b", "c", "d"),
			reading: values(map[string]int64{"a": 10, "b": 10, "c": 10}),
			want: Proposal{
				Replicas: 2, Outcome: ScaledAdjusted, Ratio: 0.2, UsageMilli: 10_000, AdjustedRatio: 0.4,
				Groups:       Groups{Ready: []string{"a", "b", "c"}, Missing: []string{"d"}},
				AssumedMilli: map[string]int64{"d": 50_000},
			},
		},
		"missing and pending pods are at 0 on the way up, which may turn it round": {
			metric: podsOf50, pods: append(running("a", "b", "c"), pod("d", Pending)),
			reading: values(map[string]int64{"a": 80, "b": 80}),
			want: Proposal{
				Replicas: 4, Outcome: DirectionChanged, Ratio: 1.6, UsageMilli: 80_000, AdjustedRatio: 0.8,
				Groups:       Groups{Ready: []string{"a", "b"}, Unready: []string{"d"}, Missing: []string{"c"}},
				AssumedMilli: map[string]int64{"c": 0, "d": 0},
			},
		},
		"Succeeded pods are missing up to 1.37": {
			metric: podsOf50, pods: append(running("a", "b", "c", "d"), pod("old-1", Succeeded), pod("old-2", Succeeded)),
			reading: values(map[string]int64{"a": 75, "b": 75, "c": 75, "d": 75}),
			want: Proposal{
				Replicas: 4, Outcome: AdjustedWithinTolerance, Ratio: 1.5, UsageMilli: 75_000, AdjustedRatio: 1,
				Groups:       Groups{Ready: []string{"a", "b", "c", "d"}, Missing: []string{"old-1", "old-2"}},
				AssumedMilli: map[string]int64{"old-1": 0, "old-2": 0},
			},
		},
		"Succeeded pods are ignored since kubernetes#141302": {
			metric: podsOf50, pods: append(running("a", "b", "c", "d"), pod("old-1", Succeeded), pod("old-2", Succeeded)),
			reading: values(map[string]int64{"a": 75, "b": 75, "c": 75, "d": 75}),
			change:  func(c *Controller) { c.IgnoreSucceeded = true },
			want: Proposal{
				Replicas: 6, Outcome: Scaled, Ratio: 1.5, UsageMilli: 75_000,
				Groups: Groups{Ready: []string{"a", "b", "c", "d"}, Ignored: []string{"old-1", "old-2"}},
			},
		},
		"no pod has a value": {
			metric: podsOf50, pods: running("a"), reading: values(nil),
			want: Proposal{Err: cmpopts.AnyError, Groups: Groups{Missing: []string{"a"}}},
		},
		"no pod at all": {
			metric: podsOf50, reading: values(map[string]int64{"a": 1}),
			want: Proposal{Err: cmpopts.AnyError},
		},
		"the sum of an object takes no pods": {
			metric: sumOf50, reading: Reading{ValuesMilli: []int64{251_000}},
			want: Proposal{Replicas: 6, Outcome: Scaled, Ratio: 1.255, UsageMilli: 62_750},
		},
		"the value of an object multiplies what is Running and Ready": {
			metric: valueOf50, pods: append(running("a", "b"), pod("c", Succeeded)), reading: Reading{ValuesMilli: []int64{75_000}},
			want: Proposal{Replicas: 3, Outcome: Scaled, Ratio: 1.5, UsageMilli: 75_000, ReadyPods: 2},
		},
		"series are added up": {
			metric: seriesOf50, reading: Reading{ValuesMilli: []int64{100_000, 50_000}},
			want: Proposal{Replicas: 3, Outcome: Scaled, Ratio: 0.75, UsageMilli: 37_500},
		},
		"a negative series is taken for an overflow": {
			metric: seriesOf50, reading: Reading{ValuesMilli: []int64{-1}},
			want: Proposal{Replicas: 1<<31 - 1, Outcome: Scaled, Ratio: float64(1<<63) / 200_000, UsageMilli: 1<<63 - 1},
		},
		"an object without a value": {
			metric: sumOf50, want: Proposal{Err: cmpopts.AnyError},
		},
		"percent of the requests": {
			metric: percentOf80, pods: running("a", "b"),
			reading: Reading{
				Pods:          map[string]PodValue{"a": {ValueMilli: 900, Timestamp: now}, "b": {ValueMilli: 1500, Timestamp: now}},
				RequestsMilli: map[string]int64{"a": 1000, "b": 1000},
			},
			want: Proposal{Replicas: 3, Outcome: Scaled, Ratio: 1.5, UsageMilli: 1200, UtilizationPercent: 120, Groups: Groups{Ready: []string{"a", "b"}}},
		},
		"percent of requests that a pod does not have": {
			metric: percentOf80, pods: running("a", "b"),
			reading: Reading{Pods: map[string]PodValue{"a": {ValueMilli: 900, Timestamp: now}}, RequestsMilli: map[string]int64{"a": 1000}},
			want:    Proposal{Err: cmpopts.AnyError, Groups: Groups{Ready: []string{"a"}, Missing: []string{"b"}}},
		},
		"a target that the source does not have": {
			metric: Metric{Source: Pods, TargetType: Value}, pods: running("a"), reading: values(map[string]int64{"a": 1}),
			want: Proposal{Err: cmpopts.AnyError},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			controller := ForKubernetes(37)
			if test.change != nil {
				test.change(&controller)
			}
			state := State{Now: now, SpecReplicas: 4, StatusReplicas: 4, Pods: test.pods, Readings: []Reading{test.reading}}
			decision := controller.Sync(Spec{MinReplicas: 1, MaxReplicas: 10, Metrics: []Metric{test.metric}}, state, &Memory{})
			if diff := cmp.Diff([]Proposal{test.want}, decision.Proposals, cmpopts.EquateErrors(), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
