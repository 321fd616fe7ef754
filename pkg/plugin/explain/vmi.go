package explain

import (
	"context"
	"fmt"
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
	"guest-metrics-server/pkg/plugin/guests"
)

// VMISnapshot is a VMI's metrics and the HPAs that have to do with it.
type VMISnapshot struct {
	Time   time.Time
	VMI    *v1alpha1.VirtualMachineInstanceMetrics
	HPAs   []Relation
	Unseen []string
}

// Relation is an HPA and what it has to do with an object.
type Relation struct {
	Snapshot *Snapshot
	Scales   bool   // the object, or what it belongs to
	Metrics  []bool // whether each of its metrics reads the object
}

// VMI reads a VMI's metrics and the HPAs of its namespace.
func (c *Collector) VMI(ctx context.Context, namespace, name string) (*VMISnapshot, error) {
	vmi, err := c.Clients.GuestMetrics.VMIMetrics(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	has := func(members []v1alpha1.VirtualMachineInstanceMetrics) bool {
		return slices.ContainsFunc(members, func(m v1alpha1.VirtualMachineInstanceMetrics) bool { return m.Name == name })
	}
	s := &VMISnapshot{VMI: vmi}
	if members := c.guests(ctx, namespace); members != nil {
		s.HPAs = c.relations(ctx, namespace, members, func(ref autoscalingv2.CrossVersionObjectReference) bool {
			return has(members.Of(ref.Kind, ref.Name))
		})
	}
	s.Time, s.Unseen = c.Now(), c.unseen
	return s, nil
}

// relations reads the HPAs that scale an object, or that read a metric of it: those
// that refer to one of which concerns says so.
func (c *Collector) relations(ctx context.Context, namespace string, members *guests.Namespace, concerns func(autoscalingv2.CrossVersionObjectReference) bool) []Relation {
	var relations []Relation
	for _, h := range c.hpas(ctx, namespace) {
		r := Relation{Scales: concerns(h.Spec.ScaleTargetRef)}
		related := r.Scales
		for _, m := range metricsOf(&h) {
			reads := m.Object != nil && concerns(m.Object.DescribedObject) || m.Object == nil && m.External == nil && r.Scales
			r.Metrics = append(r.Metrics, reads)
			related = related || reads
		}
		if related {
			r.Snapshot = c.snapshot(ctx, &h, members)
			relations = append(relations, r)
		}
	}
	return relations
}

// VMI explains what is known of a VMI, and which HPAs it moves.
func VMI(s *VMISnapshot) Report {
	report := Report{Object: "vmi/" + s.VMI.Name, Namespace: s.VMI.Namespace, Unseen: s.Unseen}
	report.add(vmiState(s.VMI, s.Time))
	metrics := newSection("Metrics")
	for _, m := range s.VMI.Metrics {
		member := memberOf(s.VMI, m.Name, s.Time)
		member.VMI, member.Pod, member.Metric, member.Reason, member.Text = "", "", m.Name, "", ""
		metrics.Members = append(metrics.Members, member)
	}
	for _, u := range s.VMI.Unknown {
		metrics.Members = append(metrics.Members, Member{Metric: u.Name, Reason: u.Reason.Reason, Text: u.Message})
	}
	metrics.observe("known: %d, not known: %d", len(s.VMI.Metrics), len(s.VMI.Unknown))
	report.add(metrics)
	for _, r := range s.HPAs {
		section := r.section()
		for i, metric := range r.Snapshot.metrics() {
			if r.Metrics[i] {
				r.influence(section, i, metric, s.VMI)
			}
		}
		r.outcome(section)
		report.add(section)
	}
	if len(s.HPAs) == 0 {
		section := newSection("HPAs")
		section.observe("no HPA in namespace %s that could be read reads a metric of it, or scales what it belongs to", s.VMI.Namespace)
		report.add(section)
	}
	return report
}

func vmiState(vmi *v1alpha1.VirtualMachineInstanceMetrics, now time.Time) *Section {
	section := newSection("State")
	if vmi.Node == "" {
		section.observe("it runs on no node yet")
	} else {
		section.observe("it runs on node %s", vmi.Node)
	}
	if vmi.Pod == "" {
		section.observe("it has no active launcher pod")
	} else {
		section.observe("its active launcher pod is %s", vmi.Pod)
	}
	if vmi.VCPUs != nil {
		section.observe("it reports %s", count(int(*vmi.VCPUs), "vCPU"))
	}
	switch {
	case vmi.Excluded != nil:
		section.observe("it does not count in groups (%s): %s", vmi.Excluded.Reason, vmi.Excluded.Message)
	case vmi.CountsSince != nil:
		section.observe("it has counted for %s, since %s", age(now, vmi.CountsSince.Time), vmi.CountsSince.UTC().Format(time.RFC3339))
	default:
		section.observe("it counts")
	}
	return section
}

// section begins what there is to say of an HPA.
func (r Relation) section() *Section {
	h := r.Snapshot.HPA
	section := newSection("hpa/%s", h.Name)
	if r.Scales {
		section.observe("it scales %s, which this belongs to", targetName(h))
	} else {
		section.observe("it scales %s, which this does not belong to, by a metric of this", targetName(h))
	}
	return section
}

// influence says what a VMI adds to a metric of the HPA.
func (r Relation) influence(section *Section, i int, metric autoscalingv2.MetricSpec, vmi *v1alpha1.VirtualMachineInstanceMetrics) {
	name := metricName(metric)
	title := fmt.Sprintf("metric %d (%s)", i+1, metricText(metric))
	if metric.Resource != nil || metric.ContainerResource != nil {
		section.estimate("%s reads the launcher pod and not the guest", title)
		return
	}
	if metric.Pods != nil && !slices.ContainsFunc(r.Snapshot.Pods, func(pod corev1.Pod) bool { return pod.Name == vmi.Pod }) {
		selector := "?"
		if t := r.Snapshot.Target; t != nil {
			selector = t.Selector
		}
		section.estimate("%s does not see it: the target's selector %q does not find its pod", title, selector)
		return
	}
	if reason := whyNot(vmi, name); reason != nil {
		section.observe("%s has no value of it (%s): %s", title, reason.Reason, reason.Message)
		return
	}
	value, ok := valueOf(vmi, name)
	if !ok {
		section.observe("%s is none of a VMI, as far as the server knows", title)
		return
	}
	answer := ""
	if reading := r.Snapshot.Answers[i].Reading; len(reading.ValuesMilli) == 1 {
		answer = ", and all together answer " + milli(reading.ValuesMilli[0])
	}
	section.observe("%s has %s of it%s", title, milli(value.Value.MilliValue()), answer)
}

// outcome says what an HPA would do.
func (r Relation) outcome(section *Section) {
	s := r.Snapshot
	if s.Target == nil {
		section.observe("the target could not be read, so what the controller would choose cannot be computed")
		return
	}
	_, decision, err := s.decide()
	if err != nil {
		section.observe("the spec cannot be computed with: %v", err)
		return
	}
	section.estimate("the controller chooses %s, where there are %d now; kubectl guest-metrics explain hpa/%s says why",
		count(int(decision.Replicas), "replica"), s.Target.SpecReplicas, s.HPA.Name)
}
