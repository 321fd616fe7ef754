package explain

import (
	"context"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
)

// GroupSnapshot is a pool or a replica set, its VMIs and the HPAs that have to do
// with it.
type GroupSnapshot struct {
	Time      time.Time
	Object    string // SHORTNAME/NAME
	Namespace string
	Target    *Target // nil where it could not be read
	// Members are its VMIs, nil where they could not be read.
	Members []v1alpha1.VirtualMachineInstanceMetrics
	HPAs    []Relation
	Unseen  []string
}

// groupKind is a kind of object that an HPA scales.
type groupKind struct{ short, apiGroup, kind string }

var (
	pools       = groupKind{"vmpool", "pool.kubevirt.io", "VirtualMachinePool"}
	replicaSets = groupKind{"vmirs", "kubevirt.io", "VirtualMachineInstanceReplicaSet"}
)

// group reads a pool or a replica set, and the HPAs of its namespace.
func (c *Collector) group(ctx context.Context, kind groupKind, namespace, name string) (*GroupSnapshot, error) {
	mapping, err := c.Clients.Mapper.RESTMapping(schema.GroupKind{Group: kind.apiGroup, Kind: kind.kind})
	if err != nil {
		return nil, err
	}
	object, err := c.Clients.Dynamic.Resource(mapping.Resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	s := &GroupSnapshot{Object: kind.short + "/" + name, Namespace: namespace}
	if s.Target, err = targetOf(object, "status", "labelSelector"); err != nil {
		c.note(s.Object, err)
	}
	members := c.guests(ctx, namespace)
	if members != nil {
		s.Members = members.Of(kind.kind, name)
	}
	s.HPAs = c.relations(ctx, namespace, members, func(ref autoscalingv2.CrossVersionObjectReference) bool {
		return ref.Kind == kind.kind && apiGroup(ref.APIVersion) == kind.apiGroup && ref.Name == name
	})
	s.Time, s.Unseen = c.Now(), c.unseen
	return s, nil
}

// headline is the metric that the table of a group's members shows.
const headline = "guest_cpu_utilization_percent"

// Group explains which HPAs act on a pool or a replica set, and on what.
func Group(s *GroupSnapshot) Report {
	report := Report{Object: s.Object, Namespace: s.Namespace, Unseen: s.Unseen}
	state := newSection("State")
	if t := s.Target; t != nil {
		state.observe("its spec has %s, its status %d", count(int(t.SpecReplicas), "replica"), t.StatusReplicas)
		state.observe("its selector of pods is %q", t.Selector)
	}
	if s.Members != nil {
		known, counting := tally(s.Members, headline)
		state.observe("it has %s: %d count, and of these %d have a value of %s", count(len(s.Members), "VMI"), counting, known, headline)
		state.Members = membersOf(s.Members, headline, s.Time)
	}
	report.add(state)
	scaling := 0
	for _, r := range s.HPAs {
		section := newSection("hpa/%s", r.Snapshot.HPA.Name)
		if r.Scales {
			scaling++
			section.observe("it scales this")
		} else {
			section.observe("it reads a metric of this, and scales %s", targetName(r.Snapshot.HPA))
		}
		for i, metric := range r.Snapshot.metrics() {
			r.answer(section, i, metric)
		}
		r.proposals(section)
		r.outcome(section)
		report.add(section)
	}
	section := newSection("HPAs")
	switch {
	case scaling == 0:
		section.observe("no HPA in namespace %s that could be read scales it", s.Namespace)
	case scaling > 1:
		section.observe("%d HPAs scale it", scaling)
		section.estimate("each undoes what another one does: keep one, with the metrics of all")
	default:
		return report
	}
	report.add(section)
	return report
}

// answer says what was answered for a metric.
func (r Relation) answer(section *Section, i int, metric autoscalingv2.MetricSpec) {
	switch reading := r.Snapshot.Answers[i].Reading; {
	case reading.Err != nil:
		section.observe("metric %d (%s): no answer: %v", i+1, metricText(metric), reading.Err)
	case len(reading.ValuesMilli) == 1:
		section.observe("metric %d (%s): %s", i+1, metricText(metric), milli(reading.ValuesMilli[0]))
	default:
		section.observe("metric %d (%s): %s", i+1, metricText(metric), count(max(len(reading.Pods), len(reading.ValuesMilli)), "value"))
	}
}

// proposals says what each metric asks for.
func (r Relation) proposals(section *Section) {
	if r.Snapshot.Target == nil {
		return
	}
	_, decision, _ := r.Snapshot.decide() // Without proposals where there is an error, which outcome says.
	for i, p := range decision.Proposals {
		if p.Err != nil {
			section.estimate("metric %d is invalid", i+1)
		} else {
			section.estimate("metric %d asks for %s", i+1, count(int(p.Replicas), "replica"))
		}
	}
}
