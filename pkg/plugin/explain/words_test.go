package explain

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guest-metrics-server/pkg/hpa"
)

func TestStepText(t *testing.T) {
	one := hpa.Spec{Metrics: make([]hpa.Metric, 1)}
	withBehavior := hpa.Spec{Metrics: make([]hpa.Metric, 3), Behavior: &hpa.Behavior{}}
	policies := []hpa.PolicyLimit{
		{Policy: hpa.Policy{Type: hpa.PercentPolicy, Value: 50, Period: time.Minute}, Added: 2, Limit: 6},
		{Policy: hpa.Policy{Type: hpa.PodsPolicy, Value: 1, Period: 90 * time.Second}, Removed: 1, Limit: 5},
	}
	for name, test := range map[string]struct {
		step    hpa.Step
		spec    hpa.Spec
		invalid int
		want    string
	}{
		"scaling is disabled": {
			step: hpa.Step{Rule: hpa.ScalingDisabled},
			want: "ScalingDisabled: the target has 0 replicas and it was not the controller that scaled it to zero, so the HPA does nothing until somebody sets the replicas to 1 or more",
		},
		"above the maximum":   {step: hpa.Step{Rule: hpa.AboveMaximum, Before: 9, After: 5}, want: "the target has more than the maximum: 9 → 5, and no metric is read"},
		"below the minimum":   {step: hpa.Step{Rule: hpa.BelowMinimum, Before: 1, After: 2}, want: "the target has less than the minimum: 1 → 2, and no metric is read"},
		"no metric is valid":  {step: hpa.Step{Rule: hpa.InvalidMetrics, After: 4}, spec: one, invalid: 1, want: "no metric is valid: the replicas stay 4"},
		"one is invalid":      {step: hpa.Step{Rule: hpa.InvalidMetrics, After: 4}, spec: withBehavior, invalid: 1, want: "1 of 3 metrics are invalid, and the others would scale down: the replicas stay 4"},
		"one proposal":        {step: hpa.Step{Rule: hpa.HighestProposal, Before: 4, After: 6}, spec: one, want: "the metric asks for 6"},
		"several proposals":   {step: hpa.Step{Rule: hpa.HighestProposal, Before: 4, After: 6}, spec: withBehavior, want: "the highest of the 3 metrics' proposals: 6"},
		"scale-up stabilized": {step: hpa.Step{Rule: hpa.ScaleUpStabilized, Before: 6, After: 5, Limit: 5, Window: time.Hour}, want: "ScaleUpStabilized: the lowest recommendation of the last 1h is 5: 6 → 5"},
		"scale-down stabilized": {
			step: hpa.Step{Rule: hpa.ScaleDownStabilized, Before: 1, After: 4, Limit: 4, Window: 5 * time.Minute},
			want: "ScaleDownStabilized: the highest recommendation of the last 5m is 4: 1 → 4",
		},
		"at most twice as many": {
			step: hpa.Step{Rule: hpa.ScaleUpLimit, Before: 9, After: 4, Limit: 4}, spec: one,
			want: "ScaleUpLimit: without a behavior, one sync at most doubles the replicas or makes them 4: 9 → 4",
		},
		"up within the policies": {
			step: hpa.Step{Rule: hpa.ScaleUpLimit, Before: 9, After: 6, Limit: 6, Policies: policies}, spec: withBehavior,
			want: "ScaleUpLimit: the policies allow at most 6: 9 → 6" +
				"\n50 % of the replicas in 1m: 2 were added and 0 removed in this time, so it allows 6" +
				"\n1 replica in 1m30s: 0 were added and 1 removed in this time, so it allows 5",
		},
		"no scale-up":       {step: hpa.Step{Rule: hpa.ScaleUpLimit, Before: 9, After: 4, Limit: 4}, spec: withBehavior, want: "ScaleUpLimit: selectPolicy Disabled allows no scale-up: 9 → 4"},
		"no scale-down":     {step: hpa.Step{Rule: hpa.ScaleDownLimit, Before: 1, After: 4, Limit: 4}, spec: withBehavior, want: "ScaleDownLimit: selectPolicy Disabled allows no scale-down: 1 → 4"},
		"at the maximum":    {step: hpa.Step{Rule: hpa.TooManyReplicas, Before: 12, After: 10, Limit: 10}, want: "TooManyReplicas: the maximum is 10: 12 → 10"},
		"at the minimum":    {step: hpa.Step{Rule: hpa.TooFewReplicas, Before: 1, After: 2, Limit: 2}, want: "TooFewReplicas: the minimum is 2: 1 → 2"},
		"a raised minimum":  {step: hpa.Step{Rule: hpa.MinimumFromZero, Before: 1, After: 2, Limit: 2}, want: "the minimum was raised while there were no replicas: 1 → 2"},
		"one pod less only": {step: hpa.Step{Rule: hpa.ScaleDownLimit, Before: 1, After: 5, Limit: 5, Policies: policies[1:]}, spec: withBehavior, want: "ScaleDownLimit: the policies allow no fewer than 5: 1 → 5\n1 replica in 1m30s: 0 were added and 1 removed in this time, so it allows 5"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(stepText(test.step, test.spec, test.invalid), test.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Each case lets package hpa decide, so the words are of numbers that belong together.
func TestProposalText(t *testing.T) {
	now := time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC)
	pod := func(name string, phase hpa.Phase) hpa.Pod {
		return hpa.Pod{Name: name, Phase: phase, Started: now.Add(-time.Hour), Ready: hpa.Ready{Status: hpa.True, Transition: now.Add(-time.Hour)}}
	}
	values := func(of map[string]int64) hpa.Reading {
		r := hpa.Reading{Pods: map[string]hpa.PodValue{}, RequestsMilli: map[string]int64{}}
		for name, value := range of {
			r.Pods[name] = hpa.PodValue{ValueMilli: value * 1000, Timestamp: now}
			r.RequestsMilli[name] = 100_000
		}
		return r
	}
	pods := hpa.Metric{Source: hpa.Pods, TargetType: hpa.AverageValue, TargetMilli: 50_000}
	object := hpa.Metric{Source: hpa.Object, TargetType: hpa.Value, TargetMilli: 50_000}
	external := hpa.Metric{Source: hpa.External, TargetType: hpa.AverageValue, TargetMilli: 50_000}
	percent := hpa.Metric{Source: hpa.Resource, Name: hpa.CPU, TargetType: hpa.Utilization, TargetPercent: 80}
	for name, test := range map[string]struct {
		metric   hpa.Metric
		pods     []hpa.Pod
		reading  hpa.Reading
		replicas int32
		memory   hpa.Memory
		want     string
	}{
		"pods above the target": {
			metric: pods, replicas: 2, pods: []hpa.Pod{pod("a", hpa.Running), pod("b", hpa.Running)}, reading: values(map[string]int64{"a": 80, "b": 60}),
			want: `2 pods have a value that counts: a, b
their mean is 70; 70 / target 50 = 1.4, above the tolerance (0.9 to 1.1)
1.4 × 2 pods, rounded up: 3`,
		},
		"a missing pod on the way down, and a value too many": {
			metric: pods, replicas: 4, pods: []hpa.Pod{pod("a", hpa.Running), pod("b", hpa.Running)}, reading: values(map[string]int64{"a": 10, "gone": 10}),
			want: `1 pod has a value that counts: a
1 pod is missing, without a value: b
1 value of pods that the selector does not find, and the controller counts all the same: gone
their mean is 10; 10 / target 50 = 0.2, below 1
to be cautious it takes 50 for 1 pod: b
with these the ratio is 0.4667; × 3 pods, rounded up: 2`,
		},
		"pending pods turn it round": {
			metric: pods, replicas: 3, pods: []hpa.Pod{pod("a", hpa.Running), pod("b", hpa.Pending), pod("c", hpa.Failed)}, reading: values(map[string]int64{"a": 80}),
			want: `1 pod has a value that counts: a
1 pod is not ready, so its value does not count: b
1 pod is ignored, being deleted or finished: c
their mean is 80; 80 / target 50 = 1.6, above 1
to be cautious it takes 0 for 1 pod: b
with these the ratio is 0.8, on the other side of 1: it asks for the present 3`,
		},
		"more pods than replicas": {
			metric: pods, replicas: 9, pods: []hpa.Pod{pod("a", hpa.Running), pod("b", hpa.Running)}, reading: values(map[string]int64{"a": 200}),
			want: `1 pod has a value that counts: a
1 pod is missing, without a value: b
their mean is 200; 200 / target 50 = 4, above 1
to be cautious it takes 0 for 1 pod: b
with these the ratio is 2, and times 2 pods that goes against it: it asks for the present 9`,
		},
		"percent of the requests": {
			metric: percent, replicas: 1, pods: []hpa.Pod{pod("a", hpa.Running)}, reading: values(map[string]int64{"a": 82}),
			want: `1 pod has a value that counts: a
they use 82 % of what they request; 82 / target 80 = 1.025, within the tolerance (0.9 to 1.1): it asks for the present 1`,
		},
		"a value of an object": {
			metric: object, replicas: 2, pods: []hpa.Pod{pod("a", hpa.Running), pod("b", hpa.Pending)}, reading: hpa.Reading{ValuesMilli: []int64{20_000}},
			want: `20 / target 50 = 0.4, below the tolerance (0.9 to 1.1)
0.4 × 1 pod Running and Ready, rounded up: 1`,
		},
		"a value of an object without replicas": {
			metric: object, memory: hpa.Memory{ScaledToZero: true}, reading: hpa.Reading{ValuesMilli: []int64{70_000}},
			want: `70 / target 50 = 1.4, above the tolerance (0.9 to 1.1)
there are no replicas to multiply by: 1.4, rounded up, is 2`,
		},
		"series are added up": {
			metric: external, replicas: 2, reading: hpa.Reading{ValuesMilli: []int64{100_000, 55_500}},
			want: `(100 + 55.5) / (target 50 × 2 replicas) = 1.555, above the tolerance (0.9 to 1.1)
(100 + 55.5) / target 50, rounded up: 4`,
		},
		"no answer":   {metric: object, replicas: 2, reading: hpa.Reading{Err: errors.New("refused")}, want: "without an answer the metric is invalid"},
		"no requests": {metric: percent, replicas: 1, pods: []hpa.Pod{pod("a", hpa.Running)}, reading: hpa.Reading{Pods: values(map[string]int64{"a": 1}).Pods}, want: "1 pod has a value that counts: a\nthe metric is invalid: pod a has no request of cpu"},
	} {
		t.Run(name, func(t *testing.T) {
			target := Target{SpecReplicas: test.replicas, StatusReplicas: test.replicas}
			state := hpa.State{Now: now, SpecReplicas: test.replicas, StatusReplicas: test.replicas, Pods: test.pods, Readings: []hpa.Reading{test.reading}}
			decision := hpa.ForKubernetes(37).Sync(hpa.Spec{MaxReplicas: 10, Metrics: []hpa.Metric{test.metric}}, state, &test.memory)
			section := &Section{}
			proposal{metric: test.metric, reading: test.reading, target: target, tolerance: decision.Tolerance, Proposal: decision.Proposals[0]}.explain(section)
			var lines []string
			for _, s := range section.After {
				lines = append(lines, s.Text)
			}
			if diff := cmp.Diff(strings.Join(lines, "\n"), test.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}
