//go:build e2e

package hpalive

import (
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"guest-metrics-server/pkg/hpa"
	"guest-metrics-server/test/hpajudge"
)

// outcome is what an HPA's status says of a sync. Conditions are their status and
// reason, and stay from sync to sync unless a sync sets them.
type outcome struct {
	Current, Desired                    int32
	Able, Active, Limited, ScaledToZero string
	Usages                              []hpajudge.Usage
}

func condition(status corev1.ConditionStatus, reason string) string {
	return fmt.Sprintf("%s: %s", status, reason)
}

// observe reads the status that Kubernetes' controller wrote.
func observe(status autoscalingv2.HorizontalPodAutoscalerStatus) outcome {
	o := outcome{Current: status.CurrentReplicas, Desired: status.DesiredReplicas}
	for _, c := range status.Conditions {
		text := condition(c.Status, c.Reason)
		switch c.Type {
		case autoscalingv2.AbleToScale:
			o.Able = text
		case autoscalingv2.ScalingActive:
			o.Active = text
		case autoscalingv2.ScalingLimited:
			o.Limited = text
		case autoscalingv2.ScaledToZero:
			o.ScaledToZero = text
		}
	}
	for _, m := range status.CurrentMetrics {
		o.Usages = append(o.Usages, hpajudge.UsageOf(m))
	}
	return o
}

// after is what the status says after a sync that decides so, where it said before.
func (before outcome) after(spec hpa.Spec, replicas int32, decision hpa.Decision, memory hpa.Memory) outcome {
	o := before
	o.Current, o.Desired, o.Usages = replicas, decision.Replicas, nil
	o.Able = condition(corev1.ConditionTrue, "SucceededGetScale")
	for _, step := range decision.Steps {
		switch step.Rule {
		case hpa.ScalingDisabled:
			o.Active = condition(corev1.ConditionFalse, string(step.Rule))
		case hpa.InvalidMetrics:
			o.Active = condition(corev1.ConditionFalse, failure(spec, decision))
			o.Desired = before.Desired
		case hpa.HighestProposal:
			o.Active = condition(corev1.ConditionTrue, "ValidMetricFound")
			o.Able = condition(corev1.ConditionTrue, "ReadyForNewScale")
			o.Limited = condition(corev1.ConditionFalse, "DesiredWithinRange")
		case hpa.ScaleUpStabilized, hpa.ScaleDownStabilized:
			o.Able = condition(corev1.ConditionTrue, string(step.Rule))
		case hpa.ScaleUpLimit, hpa.ScaleDownLimit, hpa.TooManyReplicas, hpa.TooFewReplicas:
			o.Limited = condition(corev1.ConditionTrue, string(step.Rule))
		}
	}
	if decision.Replicas != replicas {
		o.Able = condition(corev1.ConditionTrue, "SucceededRescale")
		o.ScaledToZero = condition(corev1.ConditionFalse, "NotScaledToZero")
		if memory.ScaledToZero {
			o.ScaledToZero = condition(corev1.ConditionTrue, "ScaledToZero")
		}
	}
	for _, p := range decision.Proposals {
		if p.Err != nil {
			p = hpa.Proposal{}
		}
		o.Usages = append(o.Usages, hpajudge.Usage{Milli: stored(p.UsageMilli), Percent: p.UtilizationPercent})
	}
	return o
}

// stored is a value as the API keeps it: as text. The lowest number, which is what
// the controller makes of 0 divided by no replicas, becomes 0.
func stored(value int64) int64 {
	quantity := resource.MustParse(new(milli(value)).String())
	return quantity.MilliValue()
}

// failure is the reason of the first invalid metric.
func failure(spec hpa.Spec, decision hpa.Decision) string {
	for i, p := range decision.Proposals {
		if p.Err != nil {
			return fmt.Sprintf("FailedGet%sMetric", spec.Metrics[i].Source)
		}
	}
	return ""
}
