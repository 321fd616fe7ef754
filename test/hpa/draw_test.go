package hpa

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"guest-metrics-server/pkg/hpa"
)

// draw draws what there may be. Most numbers are close to where a rule changes its
// mind: a ratio at 1 or at the tolerance, a time at the end of a window.
type draw struct{ *rand.Rand }

func (d draw) chance(percent int) bool { return d.IntN(100) < percent }

func pick[T any](d draw, of ...T) T { return of[d.IntN(len(of))] }

func (d draw) flags(minor int) hpa.Controller {
	flags := hpa.ForKubernetes(minor)
	if d.chance(50) {
		flags.Tolerance = pick(d, 0, 0.05, 0.2, d.Float64())
		flags.DownscaleStabilization = pick(d, 0, time.Minute, 90*time.Second, time.Duration(d.IntN(600_000))*time.Millisecond)
		flags.CPUInitializationPeriod = pick(d, 0, time.Minute, time.Hour)
		flags.InitialReadinessDelay = pick(d, 0, time.Second, 2*time.Minute)
	}
	return flags
}

func (d draw) spec() hpa.Spec {
	spec := hpa.Spec{MinReplicas: d.minReplicas()}
	spec.MaxReplicas = max(1, spec.MinReplicas+pick(d, 0, 1, d.Int32N(5), d.Int32N(20), 1000, math.MaxInt32-5))
	for i := range pick(d, 1, 1, 1, 2, 3) {
		spec.Metrics = append(spec.Metrics, d.metric(i))
	}
	if d.chance(60) {
		spec.Behavior = d.behavior()
	}
	return spec
}

func (d draw) minReplicas() int32 { return pick[int32](d, 0, 0, 1, 1, 1, 2, 3, 5) }

// change draws what an owner changes of an HPA while it lives. Some wake what was
// scaled to zero.
func (d draw) change(spec hpa.Spec, replicas int32) hpa.Spec {
	switch {
	case d.chance(5):
		return d.spec()
	case d.chance(10), replicas == 0 && d.chance(20):
		spec.MinReplicas = min(d.minReplicas(), spec.MaxReplicas)
	case d.chance(10) && spec.Behavior != nil:
		spec.Behavior = d.behavior()
	}
	return spec
}

func (d draw) metric(i int) hpa.Metric {
	m := hpa.Metric{
		Source: pick(d, hpa.Pods, hpa.Pods, hpa.Object, hpa.Object, hpa.External, hpa.Resource, hpa.ContainerResource),
		Name:   fmt.Sprintf("m%d", i),
	}
	m.TargetMilli = pick(d, 1, 1000, 50_000, 1+d.Int64N(1_000_000))
	switch m.Source {
	case hpa.Pods:
		m.TargetType = hpa.AverageValue
	case hpa.Object, hpa.External:
		m.TargetType = pick(d, hpa.Value, hpa.AverageValue)
	case hpa.Resource, hpa.ContainerResource:
		m.Name = pick(d, hpa.CPU, hpa.CPU, "memory")
		m.TargetType = pick(d, hpa.AverageValue, hpa.Utilization, hpa.Utilization)
	}
	if m.TargetType == hpa.Utilization {
		m.TargetMilli, m.TargetPercent = 0, 1+d.Int32N(200)
	}
	return m
}

// behavior has what the API server's defaults leave: all but the window for
// scaling down and the tolerances is set.
func (d draw) behavior() *hpa.Behavior {
	b := &hpa.Behavior{ScaleUp: hpa.DefaultScaleUp(), ScaleDown: hpa.DefaultScaleDown()}
	if d.chance(70) {
		b.ScaleUp = d.rules()
	}
	if d.chance(70) {
		b.ScaleDown = d.rules()
		if d.chance(30) {
			b.ScaleDown.StabilizationWindow = nil
		}
	}
	return b
}

func (d draw) rules() hpa.Rules {
	rules := hpa.Rules{
		StabilizationWindow: new(pick[time.Duration](d, 0, 0, 15, 30, 60, 300, 3600) * time.Second),
		SelectPolicy:        pick(d, hpa.MaxChange, hpa.MaxChange, hpa.MinChange, hpa.MinChange, hpa.Disabled),
	}
	for range 1 + d.IntN(3) {
		rules.Policies = append(rules.Policies, hpa.Policy{
			Type:   pick(d, hpa.PodsPolicy, hpa.PercentPolicy),
			Value:  pick[int32](d, 1, 2, 4, 10, 50, 100, 150),
			Period: pick[time.Duration](d, 1, 15, 30, 60, 120, 1800) * time.Second,
		})
	}
	if d.chance(40) {
		tolerance := resource.NewMilliQuantity(pick(d, 0, 10, 50, 100, 333, d.Int64N(2000)), resource.DecimalSI)
		rules.Tolerance = new(tolerance.AsApproximateFloat64())
	}
	return rules
}

// state draws what the controller reads when the target has so many replicas.
func (d draw) state(spec hpa.Spec, flags hpa.Controller, replicas int32) (hpa.State, []*corev1.Pod) {
	state := hpa.State{Now: time.Now(), SpecReplicas: replicas, StatusReplicas: replicas}
	if d.chance(10) {
		state.SpecReplicas = d.Int32N(12) // By hand.
	}
	if d.chance(15) {
		state.StatusReplicas = d.Int32N(12)
	}
	count := min(int(state.SpecReplicas), 12)
	if d.chance(30) {
		count = max(0, count+d.IntN(7)-3)
	}
	trouble := pick(d, 0, 5, 25) // percent of what may be wrong with a pod, or in an answer
	var pods []*corev1.Pod
	asked := make([]requests, count)
	for i := range count {
		pod := d.pod(fmt.Sprintf("web-%d", i), state.Now, trouble)
		asked[i] = d.requests(trouble)
		state.Pods = append(state.Pods, pod)
		pods = append(pods, toPod(pod, asked[i], flags))
	}
	load := pick(d, 0, 1, 1, 0.5, 0.9, 1.1, 2, 3*d.Float64(), 1+0.2*d.Float64())
	for _, metric := range spec.Metrics {
		requested := map[string]int64{}
		for i, pod := range state.Pods {
			if milli, ok := asked[i].of(metric); ok {
				requested[pod.Name] = milli
			}
		}
		state.Readings = append(state.Readings, d.reading(metric, state, requested, load, trouble))
	}
	return state, pods
}

func (d draw) pod(name string, now time.Time, trouble int) hpa.Pod {
	pod := hpa.Pod{Name: name, Phase: hpa.Running, Deleting: d.chance(trouble)}
	ago := func() time.Time {
		return now.Add(-pick(d, time.Hour, 5*time.Minute, time.Minute, time.Duration(d.IntN(400_000))*time.Millisecond))
	}
	pod.Started = ago()
	pod.Ready = hpa.Ready{Status: hpa.True, Transition: pick(d, ago(), pod.Started, pod.Started.Add(30*time.Second))}
	if d.chance(trouble) {
		pod.Phase = pick(d, hpa.Pending, hpa.Succeeded, hpa.Failed, "Unknown", "")
	}
	if d.chance(trouble) {
		pod.Ready.Status = pick(d, hpa.False, hpa.False, hpa.Unknown, "")
	}
	if d.chance(trouble / 2) {
		pod.Started = time.Time{}
	}
	return pod
}

func (d draw) requests(trouble int) requests {
	r := requests{}
	for _, resourceName := range []corev1.ResourceName{hpa.CPU, "memory"} {
		r[resourceName] = map[string]int64{container: pick(d, 0, 100, 1000, 1+d.Int64N(4000)), "sidecar": pick[int64](d, 0, 10, 333)}
		if d.chance(trouble / 8) {
			delete(r[resourceName], pick(d, container, "sidecar"))
		}
	}
	return r
}

// reading draws an answer whose ratio to the target is about load.
func (d draw) reading(metric hpa.Metric, state hpa.State, requested map[string]int64, load float64, trouble int) hpa.Reading {
	if d.chance(trouble / 2) {
		return hpa.Reading{Err: errors.New("no answer")}
	}
	value := func(target int64) int64 {
		if d.chance(trouble / 4) {
			return pick(d, 0, 1, -1, math.MaxInt64, math.MinInt64, d.Int64N(1<<40))
		}
		return int64(load * float64(target) * pick(d, 1, 1, 1, 0.5+d.Float64()))
	}
	target := metric.TargetMilli
	switch metric.Source {
	case hpa.Object, hpa.External:
		if metric.TargetType == hpa.AverageValue {
			target *= int64(state.StatusReplicas)
		}
		reading := hpa.Reading{ValuesMilli: []int64{value(target)}}
		if metric.Source == hpa.External {
			for d.chance(40) {
				reading.ValuesMilli = append(reading.ValuesMilli, value(target/4))
			}
		}
		return reading
	}
	reading := hpa.Reading{Pods: map[string]hpa.PodValue{}, RequestsMilli: requested}
	for _, pod := range state.Pods {
		if d.chance(trouble) {
			continue
		}
		if metric.TargetType == hpa.Utilization {
			target = requested[pod.Name] * int64(metric.TargetPercent) / 100
		}
		window := pick[time.Duration](d, 15, 30, 60) * time.Second
		reading.Pods[pod.Name] = hpa.PodValue{
			ValueMilli: value(target),
			Timestamp:  pick(d, state.Now, pod.Ready.Transition.Add(window), state.Now.Add(-time.Duration(d.IntN(120_000))*time.Millisecond)),
			Window:     window,
		}
	}
	if d.chance(trouble / 2) {
		reading.Pods["gone"] = hpa.PodValue{ValueMilli: value(target)}
	}
	return reading
}

// later draws the time to the next sync: often such that it falls on the end of a
// window or a period.
func (d draw) later() time.Duration {
	return pick(d, time.Second, 15*time.Second, 15*time.Second, 15*time.Second, 30*time.Second, time.Minute, 5*time.Minute,
		time.Duration(d.IntN(60_000))*time.Millisecond)
}
