//go:build e2e

package hpalive

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"guest-metrics-server/pkg/hpa"
)

// draw draws what there may be. Nothing that is drawn depends on when exactly the
// controller syncs: an HPA's windows are either 0 or longer than the test, and so are
// the ages of pods; its policies' periods are longer. test/hpa has the times in
// between.
type draw struct {
	*rand.Rand
	now time.Time // in whole seconds, as the API stores times
}

func (d draw) chance(percent int) bool { return d.IntN(100) < percent }

func pick[T any](d draw, of ...T) T { return of[d.IntN(len(of))] }

// drawn is an HPA, its target and what its metrics answer.
type drawn struct {
	name           string
	spec           autoscalingv2.HorizontalPodAutoscalerSpec
	replicas       int32 // spec.replicas of the target before the HPA came
	statusReplicas int32
	pods           []*corev1.Pod
	// phases are the readings of the metrics, and those after them.
	phases [2][]hpa.Reading
}

func (d draw) hpa(name string) drawn {
	w := drawn{name: name, replicas: d.Int32N(12), statusReplicas: d.Int32N(12)}
	switch {
	case d.chance(10):
		w.replicas, w.statusReplicas = 0, 0
	case d.chance(80):
		w.statusReplicas = w.replicas
	}
	w.spec = d.spec(name)
	count := int(w.replicas)
	if d.chance(30) {
		count = max(0, count+d.IntN(7)-3)
	}
	trouble := pick(d, 0, 5, 25) // percent of what may be wrong with a pod, or in an answer
	for i := range count {
		w.pods = append(w.pods, d.pod(name, i, trouble))
	}
	for phase := range w.phases {
		load := pick(d, 0, 1, 1, 0.5, 0.9, 1.1, 2, 3*d.Float64(), 1+0.2*d.Float64())
		for _, metric := range w.spec.Metrics {
			w.phases[phase] = append(w.phases[phase], d.reading(metric, w, load, trouble))
		}
	}
	return w
}

func (d draw) spec(name string) autoscalingv2.HorizontalPodAutoscalerSpec {
	spec := autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: targetOf(name),
		MinReplicas:    new(pick[int32](d, 0, 0, 1, 1, 1, 2, 3, 5)),
	}
	values, resources := 0, 0
	for range pick(d, 1, 1, 1, 2, 3) {
		metric := d.metric(name, len(spec.Metrics))
		switch metric.Type {
		case autoscalingv2.ObjectMetricSourceType, autoscalingv2.ExternalMetricSourceType:
			values++
		case autoscalingv2.ResourceMetricSourceType, autoscalingv2.ContainerResourceMetricSourceType:
			if resources++; resources > 1 {
				continue // Two would share the answers of one request.
			}
		}
		spec.Metrics = append(spec.Metrics, metric)
	}
	if values == 0 {
		*spec.MinReplicas = max(1, *spec.MinReplicas)
	}
	spec.MaxReplicas = max(1, *spec.MinReplicas+pick(d, 0, 1, d.Int32N(5), d.Int32N(20), 1000, math.MaxInt32-5))
	if d.chance(60) {
		spec.Behavior = d.behavior()
	}
	return spec
}

func targetOf(name string) autoscalingv2.CrossVersionObjectReference {
	return autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: name}
}

// container is the one whose resources a ContainerResource is of.
const container = "main"

func (d draw) metric(name string, i int) autoscalingv2.MetricSpec {
	identifier := autoscalingv2.MetricIdentifier{Name: fmt.Sprintf("%s.%d", name, i)}
	quantity := resource.NewMilliQuantity(pick(d, 1, 1000, 50_000, 1+d.Int64N(1_000_000)), resource.DecimalSI)
	average := autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: quantity}
	value := autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: quantity}
	utilization := autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: new(1 + d.Int32N(200))}
	resourceName := pick(d, corev1.ResourceCPU, corev1.ResourceCPU, corev1.ResourceMemory)
	switch d.IntN(8) {
	case 0, 1:
		return autoscalingv2.MetricSpec{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{Metric: identifier, Target: average}}
	case 2, 3:
		source := &autoscalingv2.ObjectMetricSource{DescribedObject: targetOf(name), Metric: identifier, Target: pick(d, average, value)}
		return autoscalingv2.MetricSpec{Type: autoscalingv2.ObjectMetricSourceType, Object: source}
	case 4, 5:
		source := &autoscalingv2.ExternalMetricSource{Metric: identifier, Target: pick(d, average, value)}
		return autoscalingv2.MetricSpec{Type: autoscalingv2.ExternalMetricSourceType, External: source}
	case 6:
		source := &autoscalingv2.ResourceMetricSource{Name: resourceName, Target: pick(d, average, utilization, utilization)}
		return autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: source}
	default:
		source := &autoscalingv2.ContainerResourceMetricSource{Name: resourceName, Container: container, Target: pick(d, average, utilization, utilization)}
		return autoscalingv2.MetricSpec{Type: autoscalingv2.ContainerResourceMetricSourceType, ContainerResource: source}
	}
}

func (d draw) behavior() *autoscalingv2.HorizontalPodAutoscalerBehavior {
	b := &autoscalingv2.HorizontalPodAutoscalerBehavior{}
	if d.chance(70) {
		b.ScaleUp = d.rules()
	}
	if d.chance(70) {
		b.ScaleDown = d.rules()
	}
	// The defaults' period of 15 s would end within the test.
	for _, rules := range []**autoscalingv2.HPAScalingRules{&b.ScaleUp, &b.ScaleDown} {
		if *rules == nil {
			*rules = &autoscalingv2.HPAScalingRules{Policies: d.policies()}
		}
	}
	return b
}

func (d draw) rules() *autoscalingv2.HPAScalingRules {
	rules := &autoscalingv2.HPAScalingRules{Policies: d.policies()}
	if d.chance(70) {
		rules.StabilizationWindowSeconds = new(pick[int32](d, 0, 0, 3600))
	}
	if d.chance(70) {
		rules.SelectPolicy = new(pick(d, autoscalingv2.MaxChangePolicySelect, autoscalingv2.MinChangePolicySelect, autoscalingv2.MinChangePolicySelect, autoscalingv2.DisabledPolicySelect))
	}
	if d.chance(40) {
		rules.Tolerance = resource.NewMilliQuantity(pick(d, 0, 10, 50, 100, 333, d.Int64N(2000)), resource.DecimalSI)
	}
	return rules
}

func (d draw) policies() []autoscalingv2.HPAScalingPolicy {
	var policies []autoscalingv2.HPAScalingPolicy
	for range 1 + d.IntN(3) {
		policies = append(policies, autoscalingv2.HPAScalingPolicy{
			Type:          pick(d, autoscalingv2.PodsScalingPolicy, autoscalingv2.PercentScalingPolicy),
			Value:         pick[int32](d, 1, 2, 4, 10, 50, 100, 150),
			PeriodSeconds: 1800,
		})
	}
	return policies
}

func (d draw) pod(name string, i, trouble int) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", name, i), Labels: map[string]string{"app": name}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
	if d.chance(trouble) { // It will be deleted, and its finalizer keeps it.
		pod.Finalizers = []string{finalizer}
		pod.DeletionTimestamp = new(metav1.NewTime(d.now))
	}
	pod.Spec.InitContainers = []corev1.Container{d.container("sidecar", trouble)}
	pod.Spec.InitContainers[0].RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
	pod.Spec.Containers = []corev1.Container{d.container(container, trouble)}
	if d.chance(trouble) {
		pod.Status.Phase = pick(d, corev1.PodPending, corev1.PodSucceeded, corev1.PodFailed, corev1.PodUnknown)
	}
	started := d.now.Add(pick(d, -time.Hour, -time.Hour, time.Hour)) // That in the future is within any initialization.
	if !d.chance(trouble / 2) {
		pod.Status.StartTime = new(metav1.NewTime(started))
	}
	ready := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue}
	// Ready within the initial delay of a second or not, long ago or just now.
	ready.LastTransitionTime = metav1.NewTime(pick(d, started, started.Add(time.Second), started.Add(2*time.Second), started.Add(time.Minute), d.now))
	if d.chance(trouble) {
		ready.Status = pick(d, corev1.ConditionFalse, corev1.ConditionFalse, corev1.ConditionUnknown)
	}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}
	if !d.chance(trouble / 4) {
		pod.Status.Conditions = append(pod.Status.Conditions, ready)
	}
	return pod
}

func (d draw) container(name string, trouble int) corev1.Container {
	requests := corev1.ResourceList{}
	for _, resourceName := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if d.chance(trouble / 8) {
			continue
		}
		// The API server rounds fractions of a byte up.
		milli := pick(d, 0, 100, 1000, 1+d.Int64N(4000))
		if resourceName == corev1.ResourceMemory {
			milli *= 1000
		}
		requests[resourceName] = *resource.NewMilliQuantity(milli, resource.DecimalSI)
	}
	return corev1.Container{Name: name, Image: "none", Resources: corev1.ResourceRequirements{Requests: requests}}
}

// reading draws an answer whose ratio to the target is about load.
func (d draw) reading(metric autoscalingv2.MetricSpec, w drawn, load float64, trouble int) hpa.Reading {
	if d.chance(3 + trouble/2) {
		return hpa.Reading{Err: errors.New("no answer")}
	}
	value := func(target int64) int64 {
		if d.chance(trouble / 4) {
			return pick(d, 0, 1, -1, d.Int64N(1<<40))
		}
		return int64(load * float64(target) * pick(d, 1, 1, 1, 0.5+d.Float64()))
	}
	series := func(target autoscalingv2.MetricTarget) int64 {
		if target.AverageValue != nil {
			return value(target.AverageValue.MilliValue() * int64(w.statusReplicas))
		}
		return value(target.Value.MilliValue())
	}
	switch metric.Type {
	case autoscalingv2.ObjectMetricSourceType:
		return hpa.Reading{ValuesMilli: []int64{series(metric.Object.Target)}}
	case autoscalingv2.ExternalMetricSourceType:
		reading := hpa.Reading{ValuesMilli: []int64{series(metric.External.Target)}}
		for d.chance(40) {
			reading.ValuesMilli = append(reading.ValuesMilli, series(metric.External.Target)/4)
		}
		return reading
	}
	target, requested := targetOfPods(metric), requestsOf(metric, w.pods)
	reading := hpa.Reading{Pods: map[string]hpa.PodValue{}, RequestsMilli: requested}
	for _, pod := range w.pods {
		if d.chance(trouble) {
			continue
		}
		var ofPod int64
		if target.AverageValue != nil {
			ofPod = target.AverageValue.MilliValue()
		} else {
			ofPod = requested[pod.Name] * int64(*target.AverageUtilization) / 100
		}
		window := pick[time.Duration](d, 15, 30, 60) * time.Second
		measured := d.now
		if ready := readyOf(pod); ready != nil && d.chance(50) { // Wholly since the pod became Ready, or not quite.
			measured = ready.LastTransitionTime.Add(window - pick(d, 0, time.Second))
		}
		reading.Pods[pod.Name] = hpa.PodValue{ValueMilli: value(ofPod), Timestamp: measured, Window: window}
	}
	if d.chance(trouble / 2) {
		reading.Pods[w.name+"-gone"] = hpa.PodValue{ValueMilli: value(1000), Timestamp: d.now, Window: time.Minute}
	}
	return reading
}

// targetOfPods is the target of a metric that has a value for each pod.
func targetOfPods(metric autoscalingv2.MetricSpec) autoscalingv2.MetricTarget {
	switch metric.Type {
	case autoscalingv2.PodsMetricSourceType:
		return metric.Pods.Target
	case autoscalingv2.ResourceMetricSourceType:
		return metric.Resource.Target
	default:
		return metric.ContainerResource.Target
	}
}

func readyOf(pod *corev1.Pod) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == corev1.PodReady {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// requestsOf are what pods request of a metric's resource, without those of which
// a container that counts does not say so.
func requestsOf(metric autoscalingv2.MetricSpec, pods []*corev1.Pod) map[string]int64 {
	requested := map[string]int64{}
	for _, pod := range pods {
		var resourceName corev1.ResourceName
		containers := pod.Spec.Containers
		switch metric.Type {
		case autoscalingv2.ResourceMetricSourceType:
			resourceName = metric.Resource.Name
			containers = slices.Concat(containers, pod.Spec.InitContainers) // They are sidecars.
		case autoscalingv2.ContainerResourceMetricSourceType:
			resourceName = metric.ContainerResource.Name
		}
		total, complete := int64(0), true
		for _, c := range containers {
			quantity, ok := c.Resources.Requests[resourceName]
			total, complete = total+quantity.MilliValue(), complete && ok
		}
		if complete {
			requested[pod.Name] = total
		}
	}
	return requested
}
