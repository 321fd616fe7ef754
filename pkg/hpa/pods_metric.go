package hpa

import (
	"errors"
	"fmt"
)

// proposeByPods is for metrics that have a value for each pod
// (replica_calculator.go: calcPlainMetricReplicas, and GetResourceReplicas for a
// target of Utilization).
func (s *sync) proposeByPods(metric Metric, reading Reading) Proposal {
	if len(s.state.Pods) == 0 {
		return Proposal{Err: errNoPods}
	}
	p := Proposal{Groups: s.group(metric, reading.Pods)}
	u := usage{metric: metric, requests: reading.RequestsMilli}
	if u.values = counted(reading.Pods, p.Groups); len(u.values) == 0 {
		p.Err = errors.New("no pod has a value that counts: they may be unready")
		return p
	}
	if p.Err = u.checkRequests(s.state.Pods); p.Err != nil {
		return p
	}
	if p.Ratio, p.UsageMilli, p.UtilizationPercent, p.Err = u.ratio(); p.Err != nil {
		return p
	}
	p.Replicas = s.state.SpecReplicas

	scaleUpWithUnready := len(p.Groups.Unready) > 0 && p.Ratio > 1
	if !scaleUpWithUnready && len(p.Groups.Missing) == 0 {
		if s.decision.Tolerance.isWithin(p.Ratio) {
			p.Outcome = WithinTolerance
			return p
		}
		p.Outcome = Scaled
		p.Replicas = ceilReplicas(p.Ratio * float64(len(p.Groups.Ready)))
		return p
	}

	p.AssumedMilli = map[string]int64{}
	for _, name := range p.Groups.Missing {
		switch {
		case p.Ratio < 1:
			p.AssumedMilli[name] = u.target(name)
		case p.Ratio > 1:
			p.AssumedMilli[name] = 0
		}
	}
	if scaleUpWithUnready {
		for _, name := range p.Groups.Unready {
			p.AssumedMilli[name] = 0
		}
	}
	for name, value := range p.AssumedMilli {
		u.values[name] = value
	}
	if p.AdjustedRatio, _, _, p.Err = u.ratio(); p.Err != nil {
		return p
	}
	scaled := ceilReplicas(p.AdjustedRatio * float64(len(u.values)))
	switch {
	case s.decision.Tolerance.isWithin(p.AdjustedRatio):
		p.Outcome = AdjustedWithinTolerance
	case p.Ratio < 1 && p.AdjustedRatio > 1 || p.Ratio > 1 && p.AdjustedRatio < 1:
		p.Outcome = DirectionChanged
	case p.AdjustedRatio < 1 && scaled > p.Replicas || p.AdjustedRatio > 1 && scaled < p.Replicas:
		p.Outcome = ReplicasAgainstRatio
	default:
		p.Outcome = ScaledAdjusted
		p.Replicas = scaled
	}
	return p
}

// counted returns the values that count: all but those of ignored and unready
// pods. Values of pods that the selector did not find are among them
// (replica_calculator.go, removeMetricsForPods).
func counted(all map[string]PodValue, groups Groups) map[string]int64 {
	values := make(map[string]int64, len(all))
	for name, value := range all {
		values[name] = value.ValueMilli
	}
	for _, name := range groups.Ignored {
		delete(values, name)
	}
	for _, name := range groups.Unready {
		delete(values, name)
	}
	return values
}

// usage compares pods' values with a metric's target.
type usage struct {
	metric   Metric
	values   map[string]int64 // milli, by pod
	requests map[string]int64 // milli, by pod; for Utilization
}

// checkRequests takes requests of every pod, also of one that does not count
// (replica_calculator.go, calculateRequests).
func (u usage) checkRequests(pods []Pod) error {
	if u.metric.TargetType != Utilization {
		return nil
	}
	for _, pod := range pods {
		if _, ok := u.requests[pod.Name]; !ok {
			return fmt.Errorf("pod %s has no request of %s", pod.Name, u.metric.Name)
		}
	}
	return nil
}

// target is what a missing pod is assumed to use on a wish to scale down: the
// target, or of a target of Utilization all of its requests if that is more.
func (u usage) target(pod string) int64 {
	if u.metric.TargetType == Utilization {
		return u.requests[pod] * int64(max(100, u.metric.TargetPercent)) / 100
	}
	return u.metric.TargetMilli
}

// ratio returns the ratio of the usage to the target, and the usage: its mean in
// thousandths, and for a target of Utilization in percent (metrics/utilization.go,
// GetMetricUsageRatio and GetResourceUtilizationRatio). Means are whole numbers,
// rounded towards 0.
func (u usage) ratio() (ratio float64, meanMilli int64, percent int32, err error) {
	if u.metric.TargetType != Utilization {
		var total int64
		for _, value := range u.values {
			total += value
		}
		mean := total / int64(len(u.values))
		return float64(mean) / float64(u.metric.TargetMilli), mean, 0, nil
	}
	var total, requested, pods int64
	for name, value := range u.values {
		request, ok := u.requests[name]
		if !ok {
			continue // of a pod that the selector did not find
		}
		total += value
		requested += request
		pods++
	}
	if requested == 0 {
		return 0, 0, 0, fmt.Errorf("the pods with a value request no %s", u.metric.Name)
	}
	percent = int32(total * 100 / requested)
	return float64(percent) / float64(u.metric.TargetPercent), total / pods, percent, nil
}
