package hpa

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"guest-metrics-server/pkg/hpa"
	"guest-metrics-server/test/hpajudge"
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
	Usages       []hpajudge.Usage
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
		o.Usages = append(o.Usages, hpajudge.UsageOf(m))
	}
	return o
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
		o.Usages = append(o.Usages, hpajudge.Usage{Milli: p.UsageMilli, Percent: p.UtilizationPercent})
	}
	return o
}
