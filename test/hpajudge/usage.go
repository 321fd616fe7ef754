package hpajudge

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Usage is a metric's value in an HPA's status.
type Usage struct {
	Milli   int64
	Percent int32
}

// UsageOf returns the value of a metric of any source.
func UsageOf(m autoscalingv2.MetricStatus) Usage {
	var value autoscalingv2.MetricValueStatus
	switch {
	case m.Pods != nil:
		value = m.Pods.Current
	case m.Object != nil:
		value = m.Object.Current
	case m.External != nil:
		value = m.External.Current
	case m.Resource != nil:
		value = m.Resource.Current
	case m.ContainerResource != nil:
		value = m.ContainerResource.Current
	}
	var u Usage
	for _, quantity := range []*resource.Quantity{value.Value, value.AverageValue} {
		if quantity != nil {
			u.Milli = quantity.MilliValue()
		}
	}
	if value.AverageUtilization != nil {
		u.Percent = *value.AverageUtilization
	}
	return u
}
