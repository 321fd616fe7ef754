package autoscaling

import (
	corev1 "k8s.io/api/core/v1"

	"guest-metrics-server/pkg/hpa"
)

// Pod converts a pod.
func Pod(in *corev1.Pod) hpa.Pod {
	pod := hpa.Pod{Name: in.Name, Phase: hpa.Phase(in.Status.Phase), Deleting: in.DeletionTimestamp != nil}
	if in.Status.StartTime != nil {
		pod.Started = in.Status.StartTime.Time
	}
	for _, condition := range in.Status.Conditions {
		if condition.Type == corev1.PodReady {
			pod.Ready = hpa.Ready{Status: hpa.ConditionStatus(condition.Status), Transition: condition.LastTransitionTime.Time}
			break
		}
	}
	return pod
}
