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

// Target is the scale of what an HPA scales.
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
func (s *Snapshot) decide() (hpa.Spec, hpa.Decision, error) {
	spec, err := autoscaling.Spec(s.HPA.Spec)
	if err != nil {
		return spec, hpa.Decision{}, err
	}
	state := hpa.State{Now: s.Time, SpecReplicas: s.Target.SpecReplicas, StatusReplicas: s.Target.StatusReplicas}
	for i := range s.Pods {
		state.Pods = append(state.Pods, autoscaling.Pod(&s.Pods[i]))
	}
	for _, answer := range s.Answers {
		state.Readings = append(state.Readings, answer.Reading)
	}
	memory := s.memory()
	return spec, s.Controller.Sync(spec, state, &memory), nil
}

// memory is what can be known of the controller's memory: that it wanted the
// replicas which the status shows, and when it changed them, as events say. It is
// empty for an HPA that was never synced.
func (s *Snapshot) memory() hpa.Memory {
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
		if i == 0 {
			continue // It does not say how many replicas there were before.
		}
		event := hpa.ScaleEvent{Change: r.size - rescales[i-1].size, Time: r.time}
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

// targetName is KIND NAME of what an HPA scales.
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
