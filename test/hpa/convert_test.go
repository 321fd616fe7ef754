package hpa

import (
	"math"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"guest-metrics-server/pkg/hpa"
)

// container is the one whose resources a ContainerResource is of.
const container = "main"

func toSpec(spec hpa.Spec) autoscalingv2.HorizontalPodAutoscalerSpec {
	converted := autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name},
		MinReplicas:    &spec.MinReplicas,
		MaxReplicas:    spec.MaxReplicas,
	}
	for _, metric := range spec.Metrics {
		converted.Metrics = append(converted.Metrics, toMetric(metric))
	}
	if b := spec.Behavior; b != nil {
		converted.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleUp: toRules(b.ScaleUp), ScaleDown: toRules(b.ScaleDown)}
	}
	return converted
}

func toMetric(metric hpa.Metric) autoscalingv2.MetricSpec {
	target := autoscalingv2.MetricTarget{Type: autoscalingv2.MetricTargetType(metric.TargetType)}
	switch quantity := resource.NewMilliQuantity(metric.TargetMilli, resource.DecimalSI); metric.TargetType {
	case hpa.Value:
		target.Value = quantity
	case hpa.AverageValue:
		target.AverageValue = quantity
	case hpa.Utilization:
		target.AverageUtilization = &metric.TargetPercent
	}
	spec := autoscalingv2.MetricSpec{Type: autoscalingv2.MetricSourceType(metric.Source)}
	identifier := autoscalingv2.MetricIdentifier{Name: metric.Name}
	switch metric.Source {
	case hpa.Pods:
		spec.Pods = &autoscalingv2.PodsMetricSource{Metric: identifier, Target: target}
	case hpa.Object:
		described := autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name}
		spec.Object = &autoscalingv2.ObjectMetricSource{DescribedObject: described, Metric: identifier, Target: target}
	case hpa.External:
		spec.External = &autoscalingv2.ExternalMetricSource{Metric: identifier, Target: target}
	case hpa.Resource:
		spec.Resource = &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceName(metric.Name), Target: target}
	case hpa.ContainerResource:
		spec.ContainerResource = &autoscalingv2.ContainerResourceMetricSource{Name: corev1.ResourceName(metric.Name), Container: container, Target: target}
	}
	return spec
}

func toRules(rules hpa.Rules) *autoscalingv2.HPAScalingRules {
	policy := autoscalingv2.ScalingPolicySelect(rules.SelectPolicy)
	converted := &autoscalingv2.HPAScalingRules{SelectPolicy: &policy}
	if rules.StabilizationWindow != nil {
		converted.StabilizationWindowSeconds = new(int32(*rules.StabilizationWindow / time.Second))
	}
	if rules.Tolerance != nil {
		converted.Tolerance = resource.NewMilliQuantity(toMilli(*rules.Tolerance), resource.DecimalSI)
	}
	for _, p := range rules.Policies {
		converted.Policies = append(converted.Policies, autoscalingv2.HPAScalingPolicy{
			Type: autoscalingv2.HPAScalingPolicyType(p.Type), Value: p.Value, PeriodSeconds: int32(p.Period / time.Second),
		})
	}
	return converted
}

func toMilli(value float64) int64 { return int64(math.Round(value * 1000)) }

// requests are what a pod's containers request of a resource.
type requests map[corev1.ResourceName]map[string]int64 // milli, by container

// containers has the sidecar as an init container that goes on.
func (r requests) containers() (init, main []corev1.Container) {
	of := func(container string) corev1.Container {
		list := corev1.ResourceList{}
		for resourceName, byContainer := range r {
			if milli, ok := byContainer[container]; ok {
				list[resourceName] = *resource.NewMilliQuantity(milli, resource.DecimalSI)
			}
		}
		return corev1.Container{Name: container, Resources: corev1.ResourceRequirements{Requests: list}}
	}
	sidecar := of("sidecar")
	sidecar.RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
	return []corev1.Container{sidecar}, []corev1.Container{of(container)}
}

// of returns what counts for a metric, and whether all that should say so do.
func (r requests) of(metric hpa.Metric) (milli int64, ok bool) {
	main, ok := r[corev1.ResourceName(metric.Name)][container]
	if !ok || metric.Source == hpa.ContainerResource {
		return main, ok
	}
	sidecar, ok := r[corev1.ResourceName(metric.Name)]["sidecar"]
	return main + sidecar, ok
}

// toPod converts a pod. Where Succeeded pods are ignored, the real controller gets
// a Failed one: no release knows that rule yet, and it is the same as for Failed.
func toPod(pod hpa.Pod, requests requests, flags hpa.Controller) *corev1.Pod {
	converted := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: pod.Name, Labels: map[string]string{"app": name}},
		Status:     corev1.PodStatus{Phase: corev1.PodPhase(pod.Phase)},
	}
	converted.Spec.InitContainers, converted.Spec.Containers = requests.containers()
	if flags.IgnoreSucceeded && pod.Phase == hpa.Succeeded {
		converted.Status.Phase = corev1.PodFailed
	}
	if pod.Deleting {
		converted.DeletionTimestamp = new(metav1.Now())
	}
	if !pod.Started.IsZero() {
		converted.Status.StartTime = new(metav1.NewTime(pod.Started))
	}
	if pod.Ready.Status != "" {
		converted.Status.Conditions = []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
			{Type: corev1.PodReady, Status: corev1.ConditionStatus(pod.Ready.Status), LastTransitionTime: metav1.NewTime(pod.Ready.Transition)},
		}
	}
	return converted
}
