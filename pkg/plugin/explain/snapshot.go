package explain

import (
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
	"guest-metrics-server/pkg/hpa"
	"guest-metrics-server/pkg/hpa/autoscaling"
)

// Snapshot is an HPA and all that the controller would read for it, at about one
// moment.
type Snapshot struct {
	Time       time.Time
	Controller hpa.Controller
	HPA        *autoscalingv2.HorizontalPodAutoscaler
	Target     *Target      // nil where it could not be read
	Pods       []corev1.Pod // that the target's selector finds
	Answers    []Answer     // for each of the HPA's metrics
	// PodsUnknown says that the pods could not be read, and that no metric needs them.
	PodsUnknown bool
	Events      []corev1.Event
	Unseen      []string
}

// Target is the scale of an HPA's target.
type Target struct {
	SpecReplicas   int32
	StatusReplicas int32
	Selector       string // of pods
}

// Answer is what was answered for one metric.
type Answer struct {
	Path      string
	Reading   hpa.Reading
	Timestamp time.Time     // of the first value, zero where there is none
	Window    time.Duration // of the first value, 0 where there is none
	// Members are the VMIs that the metric is about; nil where that is not known, or
	// where the metric is none of a guest.
	Members []v1alpha1.VirtualMachineInstanceMetrics
}

// decide computes what the controller would choose now.
//
// Events do not say how much the first change was that the policies count. Where the
// controller has written that policies hold it at the present replicas, the smallest
// change is taken with which they do.
func (s *Snapshot) decide() (hpa.Spec, hpa.Decision, error) {
	spec, err := autoscaling.Spec(s.HPA.Spec)
	if err != nil {
		return spec, hpa.Decision{}, err
	}
	decision := s.sync(spec, 0)
	status := s.HPA.Status
	if direction := s.heldByPolicies(); direction != 0 && status.DesiredReplicas == s.Target.SpecReplicas && decision.Replicas != status.DesiredReplicas {
		for first := int32(1); first <= spec.MaxReplicas && first <= mostInferred; first++ {
			if inferred := s.sync(spec, direction*first); inferred.Replicas == status.DesiredReplicas {
				return spec, inferred, nil
			}
		}
	}
	return spec, decision, nil
}

// mostInferred is the largest change of replicas that is tried.
const mostInferred = 500

// heldByPolicies reports in which direction the controller was held by policies at
// its last sync: 1 for up, -1 for down, 0 for none.
func (s *Snapshot) heldByPolicies() int32 {
	if s.HPA.Spec.Behavior == nil {
		return 0
	}
	for _, c := range s.HPA.Status.Conditions {
		if c.Type != autoscalingv2.ScalingLimited || c.Status != corev1.ConditionTrue {
			continue
		}
		switch hpa.Rule(c.Reason) {
		case hpa.ScaleUpLimit:
			return 1
		case hpa.ScaleDownLimit:
			return -1
		}
	}
	return 0
}

// sync lets package hpa decide. first is the change by the first rescale that events
// tell of, 0 where it is not known.
func (s *Snapshot) sync(spec hpa.Spec, first int32) hpa.Decision {
	state := hpa.State{Now: s.Time, SpecReplicas: s.Target.SpecReplicas, StatusReplicas: s.Target.StatusReplicas}
	for i := range s.Pods {
		state.Pods = append(state.Pods, autoscaling.Pod(&s.Pods[i]))
	}
	for _, answer := range s.Answers {
		state.Readings = append(state.Readings, answer.Reading)
	}
	memory := s.memory(first)
	return s.Controller.Sync(spec, state, &memory)
}

// memory is what can be known of the controller's memory: that it wanted the
// replicas which the status shows, and when it changed them, as events say. It is
// empty for an HPA that was never synced.
func (s *Snapshot) memory(first int32) hpa.Memory {
	var memory hpa.Memory
	for _, c := range s.HPA.Status.Conditions {
		if c.Type == autoscalingv2.ScaledToZero {
			memory.ScaledToZero = c.Status == corev1.ConditionTrue
		}
	}
	if len(s.HPA.Status.Conditions) > 0 {
		memory.Recommendations = append(memory.Recommendations, hpa.Recommendation{Replicas: s.HPA.Status.DesiredReplicas, Time: s.Time})
	}
	rescales := rescalesOf(s.Events)
	for i, r := range rescales {
		event := hpa.ScaleEvent{Change: first, Time: r.time}
		if i > 0 {
			event.Change = r.size - rescales[i-1].size
		}
		switch {
		case event.Change > 0:
			memory.ScaleUps = append(memory.ScaleUps, event)
		case event.Change < 0:
			event.Change = -event.Change
			memory.ScaleDowns = append(memory.ScaleDowns, event)
		}
	}
	return memory
}

// targetName returns KIND NAME of the HPA's target.
func targetName(h *autoscalingv2.HorizontalPodAutoscaler) string {
	return h.Spec.ScaleTargetRef.Kind + " " + h.Spec.ScaleTargetRef.Name
}

// apiGroup is the API group of an apiVersion.
func apiGroup(apiVersion string) string {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		return ""
	}
	return group
}
