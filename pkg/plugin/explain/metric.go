package explain

import (
	"fmt"
	"maps"
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
)

// metric says what an HPA asks for one metric, and what was answered.
func (s *Snapshot) metric(i int, metric autoscalingv2.MetricSpec) *Section {
	section := newSection("Metric %d: %s", i+1, metricText(metric))
	if i >= len(s.Answers) {
		return section
	}
	answer := s.Answers[i]
	section.Request = answer.Path
	r := answer.Reading
	switch {
	case r.Err != nil:
		section.observe("no answer: %v", r.Err)
	case len(r.ValuesMilli) == 1:
		section.observe("the answer is %s%s", milli(r.ValuesMilli[0]), s.when(answer))
	case len(r.ValuesMilli) > 1:
		section.observe("the answer has %s", count(len(r.ValuesMilli), "value"))
	default:
		section.observe("the answer has %s of pods%s", count(len(r.Pods), "value"), s.when(answer))
	}
	if name := metricName(metric); len(answer.Members) > 0 {
		section.Members = membersOf(answer.Members, name, s.Time)
		known, counting := tally(answer.Members, name)
		section.observe("%s: %d count, and of these %d have a value", count(len(answer.Members), "VMI"), counting, known)
	} else if answer.Members == nil && len(r.Pods) > 0 {
		section.Members = podMembers(answer)
	}
	return section
}

// when says how old an answer is.
func (s *Snapshot) when(a Answer) string {
	text := ""
	if !a.Timestamp.IsZero() {
		text = ", taken " + age(s.Time, a.Timestamp) + " ago"
	}
	if a.Window > 0 {
		text += ", over " + short(a.Window)
	}
	return text
}

// membersOf are the values of the VMIs.
func membersOf(vmis []v1alpha1.VirtualMachineInstanceMetrics, name string, now time.Time) []Member {
	members := make([]Member, 0, len(vmis))
	for i := range vmis {
		members = append(members, memberOf(&vmis[i], name, now))
	}
	return members
}

func memberOf(vmi *v1alpha1.VirtualMachineInstanceMetrics, name string, now time.Time) Member {
	member := Member{VMI: vmi.Name, Pod: vmi.Pod}
	if value, ok := valueOf(vmi, name); ok {
		member.Value = milli(value.Value.MilliValue())
		member.Age = age(now, value.Timestamp.Time)
		if value.Window != nil {
			member.Window = short(value.Window.Round(time.Second))
		}
	}
	if reason := whyNot(vmi, name); reason != nil {
		member.Reason, member.Text = reason.Reason, reason.Message
	}
	return member
}

func valueOf(vmi *v1alpha1.VirtualMachineInstanceMetrics, name string) (v1alpha1.Metric, bool) {
	for _, m := range vmi.Metrics {
		if m.Name == name {
			return m, true
		}
	}
	return v1alpha1.Metric{}, false
}

// whyNot is the reason why a VMI has no value that counts, nil when it has one.
func whyNot(vmi *v1alpha1.VirtualMachineInstanceMetrics, name string) *v1alpha1.Reason {
	if vmi.Excluded != nil {
		return vmi.Excluded
	}
	for i := range vmi.Unknown {
		if vmi.Unknown[i].Name == name {
			return &vmi.Unknown[i].Reason
		}
	}
	return nil
}

// tally counts the VMIs that count, and those of them that have a value.
func tally(vmis []v1alpha1.VirtualMachineInstanceMetrics, name string) (known, counting int) {
	for i := range vmis {
		if vmis[i].Excluded != nil {
			continue
		}
		counting++
		if _, ok := valueOf(&vmis[i], name); ok {
			known++
		}
	}
	return known, counting
}

// podMembers are the values as answered, where the VMIs are not known.
func podMembers(answer Answer) []Member {
	var members []Member
	for _, pod := range slices.Sorted(maps.Keys(answer.Reading.Pods)) {
		members = append(members, Member{Pod: pod, Value: milli(answer.Reading.Pods[pod].ValueMilli)})
	}
	return members
}

// metricText names a metric and its target.
func metricText(m autoscalingv2.MetricSpec) string {
	switch {
	case m.Pods != nil:
		return fmt.Sprintf("%s of its pods, target %s", identifierText(m.Pods.Metric), targetText(m.Pods.Target))
	case m.Object != nil:
		o := m.Object
		return fmt.Sprintf("%s of %s %s, target %s", identifierText(o.Metric), o.DescribedObject.Kind, o.DescribedObject.Name, targetText(o.Target))
	case m.External != nil:
		return fmt.Sprintf("external %s, target %s", identifierText(m.External.Metric), targetText(m.External.Target))
	case m.Resource != nil:
		return fmt.Sprintf("%s of its pods, target %s", m.Resource.Name, targetText(m.Resource.Target))
	case m.ContainerResource != nil:
		c := m.ContainerResource
		return fmt.Sprintf("%s of its pods' container %s, target %s", c.Name, c.Container, targetText(c.Target))
	default:
		return fmt.Sprintf("of the unknown type %q", m.Type)
	}
}

func identifierText(m autoscalingv2.MetricIdentifier) string {
	if m.Selector == nil {
		return m.Name
	}
	return fmt.Sprintf("%s{%s}", m.Name, metav1.FormatLabelSelector(m.Selector))
}

func targetText(t autoscalingv2.MetricTarget) string {
	switch {
	case t.AverageUtilization != nil:
		return fmt.Sprintf("%d %% of the requests", *t.AverageUtilization)
	case t.AverageValue != nil:
		return t.AverageValue.String() + " per replica"
	case t.Value != nil:
		return t.Value.String()
	default:
		return "none"
	}
}

// metricName is the name of a metric of the catalogue, "" for one of resources.
func metricName(m autoscalingv2.MetricSpec) string {
	switch {
	case m.Pods != nil:
		return m.Pods.Metric.Name
	case m.Object != nil:
		return m.Object.Metric.Name
	default:
		return ""
	}
}
