package hpa

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSteps(t *testing.T) {
	seconds := func(n int) *time.Duration { return new(time.Duration(n) * time.Second) }
	ago := func(n int) time.Time { return now.Add(-*seconds(n)) }
	onePodAMinute := []Policy{{Type: PodsPolicy, Value: 1, Period: time.Minute}}
	tests := map[string]struct {
		spec     Spec // of sumOf50 unless it says otherwise
		replicas int32
		sum      int64
		memory   Memory
		want     []Step
	}{
		"up by the sum": {
			spec: Spec{MinReplicas: 1, MaxReplicas: 10}, replicas: 2, sum: 150,
			want: []Step{{Rule: HighestProposal, Before: 2, After: 3}},
		},
		"at most twice as many, and 4 at least": {
			spec: Spec{MinReplicas: 1, MaxReplicas: 10}, replicas: 1, sum: 400,
			want: []Step{{Rule: HighestProposal, Before: 1, After: 8}, {Rule: ScaleUpLimit, Before: 8, After: 4, Limit: 4}},
		},
		"no more than the maximum": {
			spec: Spec{MinReplicas: 1, MaxReplicas: 5}, replicas: 4, sum: 400,
			want: []Step{{Rule: HighestProposal, Before: 4, After: 8}, {Rule: TooManyReplicas, Before: 8, After: 5, Limit: 5}},
		},
		"down to the highest of the last 5 minutes": {
			spec: Spec{MinReplicas: 1, MaxReplicas: 10}, replicas: 4, sum: 20,
			memory: Memory{Recommendations: []Recommendation{{9, ago(301)}, {3, ago(300)}, {2, ago(15)}}},
			want:   []Step{{Rule: HighestProposal, Before: 4, After: 1}, {Rule: ScaleDownStabilized, Before: 1, After: 3, Limit: 3, Window: 5 * time.Minute}},
		},
		"a controller that has just started holds for 5 minutes": {
			spec: Spec{MinReplicas: 1, MaxReplicas: 10}, replicas: 4, sum: 20,
			want: []Step{{Rule: HighestProposal, Before: 4, After: 1}, {Rule: ScaleDownStabilized, Before: 1, After: 4, Limit: 4, Window: 5 * time.Minute}},
		},
		"no fewer than the minimum": {
			spec: Spec{MinReplicas: 2, MaxReplicas: 10}, replicas: 4, sum: 20,
			memory: Memory{Recommendations: []Recommendation{{4, ago(400)}}},
			want:   []Step{{Rule: HighestProposal, Before: 4, After: 1}, {Rule: TooFewReplicas, Before: 1, After: 2, Limit: 2}},
		},
		"above the maximum no metric is read": {
			spec: Spec{MinReplicas: 1, MaxReplicas: 3}, replicas: 4, sum: 500,
			want: []Step{{Rule: AboveMaximum, Before: 4, After: 3, Limit: 3}},
		},
		"below the minimum no metric is read": {
			spec: Spec{MinReplicas: 3, MaxReplicas: 5}, replicas: 1, sum: 500,
			want: []Step{{Rule: BelowMinimum, Before: 1, After: 3, Limit: 3}},
		},
		"scaled to zero by somebody else": {
			spec: Spec{MinReplicas: 1, MaxReplicas: 5}, replicas: 0, sum: 500,
			want: []Step{{Rule: ScalingDisabled}},
		},
		"scaled to zero by the controller": {
			spec: Spec{MinReplicas: 0, MaxReplicas: 5}, replicas: 0, sum: 90,
			memory: Memory{ScaledToZero: true},
			want:   []Step{{Rule: HighestProposal, After: 2}},
		},
		"by policy": {
			spec:     Spec{MinReplicas: 1, MaxReplicas: 10, Behavior: &Behavior{ScaleUp: Rules{StabilizationWindow: seconds(0), SelectPolicy: MaxChange, Policies: onePodAMinute}, ScaleDown: DefaultScaleDown()}},
			replicas: 4, sum: 400,
			memory: Memory{ScaleUps: []ScaleEvent{{Change: 2, Time: ago(60)}, {Change: 1, Time: ago(59)}}},
			want: []Step{
				{Rule: HighestProposal, Before: 4, After: 8},
				{Rule: ScaleUpLimit, Before: 8, After: 4, Limit: 4, Policies: []PolicyLimit{{Policy: onePodAMinute[0], Added: 1, Limit: 4}}},
			},
		},
		"up to the lowest of the window": {
			spec:     Spec{MinReplicas: 1, MaxReplicas: 10, Behavior: &Behavior{ScaleUp: Rules{StabilizationWindow: seconds(30), SelectPolicy: MaxChange, Policies: DefaultScaleUp().Policies}, ScaleDown: DefaultScaleDown()}},
			replicas: 4, sum: 400,
			memory: Memory{Recommendations: []Recommendation{{3, ago(30)}, {6, ago(29)}, {7, ago(15)}}},
			want:   []Step{{Rule: HighestProposal, Before: 4, After: 8}, {Rule: ScaleUpStabilized, Before: 8, After: 6, Limit: 6, Window: 30 * time.Second}},
		},
		"never down": {
			spec:     Spec{MinReplicas: 1, MaxReplicas: 10, Behavior: &Behavior{ScaleUp: DefaultScaleUp(), ScaleDown: Rules{StabilizationWindow: seconds(0), SelectPolicy: Disabled}}},
			replicas: 4, sum: 20,
			want: []Step{{Rule: HighestProposal, Before: 4, After: 1}, {Rule: ScaleDownLimit, Before: 1, After: 4, Limit: 4}},
		},
		"a wider tolerance on the way up": {
			spec:     Spec{MinReplicas: 1, MaxReplicas: 10, Behavior: &Behavior{ScaleUp: Rules{StabilizationWindow: seconds(0), SelectPolicy: MaxChange, Policies: onePodAMinute, Tolerance: new(0.5)}, ScaleDown: DefaultScaleDown()}},
			replicas: 4, sum: 300,
			want: []Step{{Rule: HighestProposal, Before: 4, After: 4}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.spec.Metrics = []Metric{sumOf50}
			state := State{Now: now, SpecReplicas: test.replicas, StatusReplicas: test.replicas, Readings: []Reading{{ValuesMilli: []int64{test.sum * 1000}}}}
			decision := ForKubernetes(37).Sync(test.spec, state, &test.memory)
			if diff := cmp.Diff(test.want, decision.Steps); diff != "" {
				t.Error(diff)
			}
			if last := test.want[len(test.want)-1].After; decision.Replicas != last {
				t.Errorf("decided on %d replicas, and the last step on %d", decision.Replicas, last)
			}
		})
	}
}

func TestSeveralMetrics(t *testing.T) {
	broken := Reading{Err: errors.New("no answer")}
	of := func(sum int64) Reading { return Reading{ValuesMilli: []int64{sum * 1000}} }
	tests := map[string]struct {
		readings []Reading
		want     int32 // of 4 replicas
		wantErr  string
	}{
		"the highest wins":                          {readings: []Reading{of(250), of(350)}, want: 7},
		"one invalid does not stop a scale-up":      {readings: []Reading{broken, of(350)}, want: 7},
		"one invalid stops a scale-down":            {readings: []Reading{of(50), broken}, want: 4, wantErr: "1 of 2 metrics are invalid, the first: Object metric sum: no answer"},
		"all invalid":                               {readings: []Reading{broken, broken}, want: 4, wantErr: "2 of 2 metrics are invalid, the first: Object metric sum: no answer"},
		"one invalid and the other at the target":   {readings: []Reading{broken, of(200)}, want: 4},
		"all valid may scale down, once it is calm": {readings: []Reading{of(50), of(90)}, want: 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			spec := Spec{MinReplicas: 1, MaxReplicas: 10, Metrics: []Metric{sumOf50, sumOf50}}
			state := State{Now: now, SpecReplicas: 4, StatusReplicas: 4, Readings: test.readings}
			memory := Memory{Recommendations: []Recommendation{{4, now.Add(-time.Hour)}}}
			decision := ForKubernetes(37).Sync(spec, state, &memory)
			gotErr := ""
			if decision.Err != nil {
				gotErr = decision.Err.Error()
			}
			if decision.Replicas != test.want || gotErr != test.wantErr {
				t.Errorf("got %d replicas and error %q, want %d and %q", decision.Replicas, gotErr, test.want, test.wantErr)
			}
		})
	}
}

func TestMemory(t *testing.T) {
	controller := ForKubernetes(37)
	spec := Spec{MinReplicas: 0, MaxReplicas: 10, Metrics: []Metric{sumOf50}, Behavior: &Behavior{ScaleUp: DefaultScaleUp(), ScaleDown: DefaultScaleDown()}}
	spec.Behavior.ScaleDown.StabilizationWindow = new(time.Duration)
	var memory Memory
	replicas := int32(2)
	for i, sum := range []int64{200_000, 0, 50_000} { // up, to zero, and from zero
		state := State{Now: now.Add(time.Duration(i) * time.Minute), SpecReplicas: replicas, StatusReplicas: replicas, Readings: []Reading{{ValuesMilli: []int64{sum}}}}
		replicas = controller.Sync(spec, state, &memory).Replicas
		if want := []int32{4, 0, 1}[i]; replicas != want {
			t.Errorf("sync %d decided on %d replicas, want %d", i, replicas, want)
		}
		if want := replicas == 0; memory.ScaledToZero != want {
			t.Errorf("after sync %d scaled to zero is %t, want %t", i, memory.ScaledToZero, want)
		}
	}
	// The last recommendation before both windows was overwritten, and the change
	// before every period.
	want := Memory{
		Recommendations: []Recommendation{{2, now}, {1, now.Add(2 * time.Minute)}},
		ScaleUps:        []ScaleEvent{{Change: 1, Time: now.Add(2 * time.Minute)}},
		ScaleDowns:      []ScaleEvent{{Change: 4, Time: now.Add(time.Minute)}},
	}
	if diff := cmp.Diff(want, memory, cmpopts.IgnoreUnexported(ScaleEvent{})); diff != "" {
		t.Error(diff)
	}
}
