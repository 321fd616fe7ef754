package hpa

import (
	"errors"
	"fmt"
	"math"
)

var errNoPods = errors.New("the target's selector finds no pods")

// propose computes what one metric asks for (horizontal.go,
// computeReplicasForMetric).
func (s *sync) propose(metric Metric, reading Reading) Proposal {
	if reading.Err != nil {
		return Proposal{Err: reading.Err}
	}
	switch metric.Source {
	case Pods:
		if metric.TargetType == AverageValue {
			return s.proposeByPods(metric, reading)
		}
	case Resource, ContainerResource:
		if metric.TargetType == AverageValue || metric.TargetType == Utilization {
			return s.proposeByPods(metric, reading)
		}
	case Object, External:
		switch {
		case len(reading.ValuesMilli) == 0:
			return Proposal{Err: errors.New("no value")}
		case metric.TargetType == Value:
			return s.proposeByValue(metric, metric.sum(reading.ValuesMilli, sumBounded))
		case metric.TargetType == AverageValue:
			return s.proposeByAverage(metric, metric.sum(reading.ValuesMilli, sumWrapped))
		}
	}
	return Proposal{Err: fmt.Errorf("no target of type %q for a metric of type %q", metric.TargetType, metric.Source)}
}

// proposeByValue multiplies the ready pods by the ratio of a value that does not
// fall when pods are added: a target of Value (replica_calculator.go,
// GetObjectMetricReplicas, GetExternalMetricReplicas, getUsageRatioReplicaCount).
func (s *sync) proposeByValue(metric Metric, value int64) Proposal {
	p := Proposal{
		Replicas:   s.state.SpecReplicas,
		Ratio:      float64(value) / float64(metric.TargetMilli),
		UsageMilli: value,
	}
	switch {
	case s.state.SpecReplicas == 0:
		p.Outcome = FromZero
		p.Replicas = ceilReplicas(p.Ratio)
	case s.decision.Tolerance.isWithin(p.Ratio):
		p.Outcome = WithinTolerance
	case len(s.state.Pods) == 0:
		p.Err = errNoPods
	default:
		p.Outcome = Scaled
		p.ReadyPods = s.readyPods()
		p.Replicas = ceilReplicasBounded(p.Ratio * float64(p.ReadyPods))
	}
	return p
}

// proposeByAverage divides the value by the target. It reads no pods, but takes
// the tolerance against status.replicas (replica_calculator.go,
// GetObjectPerPodMetricReplicas and GetExternalPerPodMetricReplicas).
func (s *sync) proposeByAverage(metric Metric, value int64) Proposal {
	replicas := float64(s.state.StatusReplicas)
	p := Proposal{
		Replicas:   s.state.StatusReplicas,
		Outcome:    WithinTolerance,
		Ratio:      float64(value) / (float64(metric.TargetMilli) * replicas),
		UsageMilli: int64(math.Ceil(float64(value) / replicas)),
	}
	ceil := ceilReplicas
	if metric.Source == External {
		ceil = ceilReplicasBounded
		if float64(value) >= math.MaxInt64 {
			p.UsageMilli = math.MaxInt64
		}
	}
	if !s.decision.Tolerance.isWithin(p.Ratio) {
		p.Outcome = Scaled
		p.Replicas = ceil(float64(value) / float64(metric.TargetMilli))
	}
	return p
}

// sum is the one value of an Object, or those of an External metric added up.
func (m Metric) sum(values []int64, add func([]int64) int64) int64 {
	if m.Source == Object {
		return values[0]
	}
	return add(values)
}

// sumBounded adds up series and stops at the highest number that there is
// (replica_calculator.go, GetExternalMetricReplicas).
func sumBounded(values []int64) int64 {
	var sum int64
	for _, v := range values {
		if v > 0 && sum > math.MaxInt64-v {
			return math.MaxInt64
		}
		sum += v
	}
	return sum
}

// sumWrapped adds up series and takes the first negative sum for an overflow
// (replica_calculator.go, GetExternalPerPodMetricReplicas).
func sumWrapped(values []int64) int64 {
	var sum int64
	for _, v := range values {
		if sum += v; sum < 0 {
			return math.MaxInt64
		}
	}
	return sum
}
