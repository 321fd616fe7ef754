package explain

import (
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"guest-metrics-server/pkg/hpa"
)

// HPA explains an HPA: what it asks, what is answered, what the controller makes of
// it, and what the controller did.
func HPA(s *Snapshot) Report {
	report := Report{Object: "hpa/" + s.HPA.Name, Namespace: s.HPA.Namespace, Unseen: s.Unseen}
	report.add(s.overview())
	if s.Target == nil {
		for i, metric := range s.metrics() {
			report.add(s.metric(i, metric))
		}
		report.add(s.happened())
		return report
	}
	spec, decision, err := s.decide()
	if err != nil {
		section := newSection("Decision")
		section.observe("the spec cannot be computed with: %v", err)
		report.add(section)
		report.add(s.happened())
		return report
	}
	report.Decision = &Decision{Current: s.Target.SpecReplicas, Desired: decision.Replicas}
	for i, metric := range s.metrics() {
		section := s.metric(i, metric)
		if i < len(decision.Proposals) {
			p := proposal{metric: spec.Metrics[i], reading: s.Answers[i].Reading, target: *s.Target, tolerance: decision.Tolerance, Proposal: decision.Proposals[i]}
			p.explain(section)
		}
		report.add(section)
	}
	report.add(s.decision(spec, decision))
	report.add(s.happened())
	return report
}

func (r *Report) add(s *Section) { r.Sections = append(r.Sections, *s) }

// metrics are those of the HPA, or the one that it has by default.
func (s *Snapshot) metrics() []autoscalingv2.MetricSpec { return metricsOf(s.HPA) }

func metricsOf(h *autoscalingv2.HorizontalPodAutoscaler) []autoscalingv2.MetricSpec {
	if len(h.Spec.Metrics) > 0 {
		return h.Spec.Metrics
	}
	return []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
		Name:   hpa.CPU,
		Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: new(int32(80))},
	}}}
}

func (s *Snapshot) overview() *Section {
	section := newSection("Target")
	least := int32(1)
	if s.HPA.Spec.MinReplicas != nil {
		least = *s.HPA.Spec.MinReplicas
	}
	section.observe("it scales %s between %d and %d replicas", targetName(s.HPA), least, s.HPA.Spec.MaxReplicas)
	t := s.Target
	if t == nil {
		section.observe("the target could not be read, so what the controller would choose cannot be computed")
		return section
	}
	section.observe("the target's spec has %s, its status %d", count(int(t.SpecReplicas), "replica"), t.StatusReplicas)
	if s.PodsUnknown {
		section.observe("its selector is %q", t.Selector)
	} else {
		section.observe("its selector %q finds %s", t.Selector, count(len(s.Pods), "pod"))
	}
	return section
}

// decision says how the metrics' proposals became the replicas.
func (s *Snapshot) decision(spec hpa.Spec, d hpa.Decision) *Section {
	section := newSection("Decision")
	for _, step := range stepsText(d, spec) {
		section.estimate("%s", step)
	}
	if d.Replicas == s.Target.SpecReplicas {
		section.estimate("so the controller keeps %s", count(int(d.Replicas), "replica"))
	} else {
		section.estimate("so the controller goes from %d to %s at its next sync", s.Target.SpecReplicas, count(int(d.Replicas), "replica"))
	}
	section.estimate("%s", s.assumptions(spec))
	return section
}

// assumptions names what of the controller cannot be seen.
func (s *Snapshot) assumptions(spec hpa.Spec) string {
	c := s.Controller
	text := fmt.Sprintf("the controller's flags cannot be seen; these are assumed: tolerance %g, downscale stabilization %s, CPU initialization period %s, initial readiness delay %s",
		c.Tolerance, short(c.DownscaleStabilization), short(c.CPUInitializationPeriod), short(c.InitialReadinessDelay))
	text += "\nits recommendations of the stabilization windows cannot be seen; it is assumed that it has wanted the present replicas until now"
	if spec.Behavior != nil {
		text += "\nits earlier changes, which the policies count, are taken from the HPA's events; these do not say how much the first of them changed, and Kubernetes keeps them for an hour\nwhere the policies held the controller at its last sync, such a first change is assumed that they do"
	}
	return text
}

// short is a duration without parts that are 0: 5m, not 5m0s.
func short(d time.Duration) string {
	text := d.String()
	for _, suffix := range []string{"m0s", "h0m"} {
		if len(text) > len(suffix) && text[len(text)-len(suffix):] == suffix {
			text = text[:len(text)-2]
		}
	}
	return text
}
