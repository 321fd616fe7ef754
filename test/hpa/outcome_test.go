package hpa

import (
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"guest-metrics-server/pkg/hpa"
)

// outcome is what can be seen of a sync: in the scale, in the HPA's status, and of
// the highest proposal in the controller's log.
type outcome struct {
	Replicas     int32
	Proposed     int32
	Active       string // "no metric read", "disabled", "invalid" or "valid"
	ScaledToZero bool
	Able         string // the reason of AbleToScale, where metrics are valid and no rescale overwrote it
	Limited      string // the reason of ScalingLimited, where metrics are valid
	Usages       []usage
}

// usage is a metric's value in the HPA's status.
type usage struct {
	Milli   int64
	Percent int32
}

// observe reads what Kubernetes' controller did.
func observe(w *world) outcome {
	o := outcome{Replicas: w.scale.Spec.Replicas, Active: "no metric read"}
	if w.proposed != nil {
		o.Proposed = max(*w.proposed, 0)
	}
	status := w.hpa().Status
	for _, c := range status.Conditions {
		switch c.Type {
		case autoscalingv2.ScaledToZero:
			o.ScaledToZero = c.Status == corev1.ConditionTrue
		case autoscalingv2.ScalingActive:
			switch {
			case c.Status == corev1.ConditionTrue:
				o.Active = "valid"
			case c.Reason == "ScalingDisabled":
				o.Active = "disabled"
			default:
				o.Active = "invalid"
			}
		case autoscalingv2.AbleToScale:
			if w.proposed != nil && c.Reason != "SucceededRescale" {
				o.Able = c.Reason
			}
		case autoscalingv2.ScalingLimited:
			o.Limited = c.Reason
		}
	}
	for _, m := range status.CurrentMetrics {
		o.Usages = append(o.Usages, usageOf(m))
	}
	return o
}

func usageOf(m autoscalingv2.MetricStatus) usage {
	var value autoscalingv2.MetricValueStatus
	switch {
	case m.Pods != nil:
		value = m.Pods.Current
	case m.Object != nil:
		value = m.Object.Current
	case m.External != nil:
		value = m.External.Current
	case m.Resource != nil:
		value = m.Resource.Current
	case m.ContainerResource != nil:
		value = m.ContainerResource.Current
	}
	var u usage
	for _, quantity := range []*resource.Quantity{value.Value, value.AverageValue} {
		if quantity != nil {
			u.Milli = quantity.MilliValue()
		}
	}
	if value.AverageUtilization != nil {
		u.Percent = *value.AverageUtilization
	}
	return u
}

// expect reads the same from pkg/hpa's decision.
func expect(state hpa.State, decision hpa.Decision, memory hpa.Memory) outcome {
	o := outcome{Replicas: decision.Replicas, Active: "no metric read", ScaledToZero: memory.ScaledToZero}
	for _, step := range decision.Steps {
		switch step.Rule {
		case hpa.ScalingDisabled:
			o.Active = "disabled"
		case hpa.InvalidMetrics:
			o.Active = "invalid"
		case hpa.HighestProposal:
			o.Active, o.Proposed, o.Able, o.Limited = "valid", step.After, "ReadyForNewScale", "DesiredWithinRange"
		case hpa.ScaleUpStabilized, hpa.ScaleDownStabilized:
			o.Able = string(step.Rule)
		case hpa.ScaleUpLimit, hpa.ScaleDownLimit, hpa.TooManyReplicas, hpa.TooFewReplicas:
			o.Limited = string(step.Rule)
		}
	}
	if decision.Replicas != state.SpecReplicas {
		o.Able = ""
	}
	for _, p := range decision.Proposals {
		if p.Err != nil {
			p = hpa.Proposal{}
		}
		o.Usages = append(o.Usages, usage{Milli: p.UsageMilli, Percent: p.UtilizationPercent})
	}
	return o
}

// tally counts which rules were seen at work.
type tally struct {
	states   int
	rules    map[hpa.Rule]int
	outcomes map[hpa.Source]map[hpa.Outcome]int
}

func newTally() tally {
	return tally{rules: map[hpa.Rule]int{}, outcomes: map[hpa.Source]map[hpa.Outcome]int{}}
}

func (c *tally) count(spec hpa.Spec, decision hpa.Decision) {
	c.states++
	for _, step := range decision.Steps {
		c.rules[step.Rule]++
	}
	for i, p := range decision.Proposals {
		source := spec.Metrics[i].Source
		if c.outcomes[source] == nil {
			c.outcomes[source] = map[hpa.Outcome]int{}
		}
		if p.Err != nil {
			p.Outcome = "Invalid"
		}
		c.outcomes[source][p.Outcome]++
	}
}

// check fails where the states that were drawn left a rule out: a comparison that
// never meets a rule proves nothing of it.
func (c *tally) check(t *testing.T) {
	t.Helper()
	t.Logf("%d states agree; rules applied: %v; outcomes of metrics: %v", c.states, c.rules, c.outcomes)
	for _, rule := range []hpa.Rule{
		hpa.ScalingDisabled, hpa.AboveMaximum, hpa.BelowMinimum, hpa.InvalidMetrics, hpa.HighestProposal, hpa.ScaleUpStabilized, hpa.ScaleDownStabilized,
		hpa.ScaleUpLimit, hpa.TooManyReplicas, hpa.ScaleDownLimit, hpa.TooFewReplicas, hpa.MinimumFromZero,
	} {
		if c.rules[rule] == 0 {
			t.Errorf("rule %s was never applied", rule)
		}
	}
	ofPods := []hpa.Outcome{"Invalid", hpa.Scaled, hpa.WithinTolerance, hpa.ScaledAdjusted, hpa.AdjustedWithinTolerance, hpa.DirectionChanged, hpa.ReplicasAgainstRatio}
	ofValues := []hpa.Outcome{"Invalid", hpa.Scaled, hpa.WithinTolerance, hpa.FromZero}
	for source, outcomes := range map[hpa.Source][]hpa.Outcome{
		hpa.Pods: ofPods, hpa.Resource: ofPods, hpa.ContainerResource: ofPods, hpa.Object: ofValues, hpa.External: ofValues,
	} {
		for _, outcome := range outcomes {
			if c.outcomes[source][outcome] == 0 {
				t.Errorf("no %s metric came to %s", source, outcome)
			}
		}
	}
}
