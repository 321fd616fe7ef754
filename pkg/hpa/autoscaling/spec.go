package autoscaling

import (
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"guest-metrics-server/pkg/hpa"
)

// The API server's defaults and bounds (k8s.io/kubernetes v1.37.2,
// pkg/apis/autoscaling/v2/defaults.go and pkg/apis/autoscaling/validation).
const (
	defaultMinReplicas    = 1
	defaultCPUUtilization = 80
	maxWindowSeconds      = 3600
	maxPeriodSeconds      = 1800
)

// Spec converts the spec of an HPA. The error names each field that the API server
// would refuse, and that package hpa has no meaning for.
func Spec(in autoscalingv2.HorizontalPodAutoscalerSpec) (hpa.Spec, error) {
	var c converter
	spec := c.spec(in, field.NewPath("spec"))
	return spec, c.errs.ToAggregate()
}

// converter collects what is wrong.
type converter struct{ errs field.ErrorList }

func (c *converter) require(ok bool, path *field.Path, value any, message string) {
	if !ok {
		c.errs = append(c.errs, field.Invalid(path, value, message))
	}
}

func (c *converter) spec(in autoscalingv2.HorizontalPodAutoscalerSpec, path *field.Path) hpa.Spec {
	spec := hpa.Spec{MinReplicas: valueOr(in.MinReplicas, defaultMinReplicas), MaxReplicas: in.MaxReplicas}
	objects := 0
	for i, metric := range in.Metrics {
		m := c.metric(metric, path.Child("metrics").Index(i))
		spec.Metrics = append(spec.Metrics, m)
		if m.Source == hpa.Object || m.Source == hpa.External {
			objects++
		}
	}
	if len(in.Metrics) == 0 {
		spec.Metrics = []hpa.Metric{{Source: hpa.Resource, Name: hpa.CPU, TargetType: hpa.Utilization, TargetPercent: defaultCPUUtilization}}
	}
	if b := in.Behavior; b != nil {
		path := path.Child("behavior")
		spec.Behavior = &hpa.Behavior{
			ScaleUp:   c.rules(b.ScaleUp, hpa.DefaultScaleUp(), path.Child("scaleUp")),
			ScaleDown: c.rules(b.ScaleDown, hpa.DefaultScaleDown(), path.Child("scaleDown")),
		}
	}
	c.require(spec.MaxReplicas > 0, path.Child("maxReplicas"), spec.MaxReplicas, "must be above 0")
	c.require(spec.MinReplicas >= 0, path.Child("minReplicas"), spec.MinReplicas, "must not be negative")
	c.require(spec.MinReplicas <= spec.MaxReplicas, path.Child("minReplicas"), spec.MinReplicas, "must not be above maxReplicas")
	c.require(spec.MinReplicas != 0 || objects > 0, path.Child("minReplicas"), spec.MinReplicas, "0 takes an Object or External metric")
	return spec
}

func (c *converter) metric(in autoscalingv2.MetricSpec, path *field.Path) hpa.Metric {
	metric := hpa.Metric{Source: hpa.Source(in.Type)}
	var target autoscalingv2.MetricTarget
	isSet, part := false, ""
	switch in.Type {
	case autoscalingv2.PodsMetricSourceType:
		if isSet, part = in.Pods != nil, "pods"; isSet {
			metric.Name, target = in.Pods.Metric.Name, in.Pods.Target
		}
	case autoscalingv2.ObjectMetricSourceType:
		if isSet, part = in.Object != nil, "object"; isSet {
			metric.Name, target = in.Object.Metric.Name, in.Object.Target
		}
	case autoscalingv2.ExternalMetricSourceType:
		if isSet, part = in.External != nil, "external"; isSet {
			metric.Name, target = in.External.Metric.Name, in.External.Target
		}
	case autoscalingv2.ResourceMetricSourceType:
		if isSet, part = in.Resource != nil, "resource"; isSet {
			metric.Name, target = string(in.Resource.Name), in.Resource.Target
		}
	case autoscalingv2.ContainerResourceMetricSourceType:
		if isSet, part = in.ContainerResource != nil, "containerResource"; isSet {
			metric.Name, target = string(in.ContainerResource.Name), in.ContainerResource.Target
		}
	default:
		c.errs = append(c.errs, field.NotSupported(path.Child("type"), metric.Source, []hpa.Source{hpa.Pods, hpa.Object, hpa.External, hpa.Resource, hpa.ContainerResource}))
		return metric
	}
	if path = path.Child(part); !isSet {
		c.errs = append(c.errs, field.Required(path, fmt.Sprintf("a metric of type %s has it", in.Type)))
		return metric
	}
	c.target(&metric, target, path.Child("target"))
	return metric
}

// target chooses as the controller does: an average value comes first whatever the
// target's type says, except for an Object (horizontal.go, computeStatusFor...).
func (c *converter) target(metric *hpa.Metric, in autoscalingv2.MetricTarget, path *field.Path) {
	object := metric.Source == hpa.Object
	ofResource := metric.Source == hpa.Resource || metric.Source == hpa.ContainerResource
	switch {
	case in.AverageValue != nil && (!object || in.Type == autoscalingv2.AverageValueMetricType):
		metric.TargetType, metric.TargetMilli = hpa.AverageValue, in.AverageValue.MilliValue()
		c.require(metric.TargetMilli > 0, path.Child("averageValue"), in.AverageValue.String(), "must be above 0")
	case in.Value != nil && (object && in.Type == autoscalingv2.ValueMetricType || metric.Source == hpa.External):
		metric.TargetType, metric.TargetMilli = hpa.Value, in.Value.MilliValue()
		c.require(metric.TargetMilli > 0, path.Child("value"), in.Value.String(), "must be above 0")
	case in.AverageUtilization != nil && ofResource:
		metric.TargetType, metric.TargetPercent = hpa.Utilization, *in.AverageUtilization
		c.require(metric.TargetPercent > 0, path.Child("averageUtilization"), metric.TargetPercent, "must be above 0")
	default:
		takes := "averageValue"
		switch {
		case ofResource:
			takes = "averageUtilization or averageValue"
		case metric.Source != hpa.Pods:
			takes = "value or averageValue, with the type of that name"
		}
		c.errs = append(c.errs, field.Required(path, fmt.Sprintf("a metric of type %s takes %s", metric.Source, takes)))
	}
}

func (c *converter) rules(in *autoscalingv2.HPAScalingRules, rules hpa.Rules, path *field.Path) hpa.Rules {
	if in == nil {
		return rules
	}
	if seconds := in.StabilizationWindowSeconds; seconds != nil {
		rules.StabilizationWindow = new(time.Duration(*seconds) * time.Second)
		c.require(0 <= *seconds && *seconds <= maxWindowSeconds, path.Child("stabilizationWindowSeconds"), *seconds, "must be from 0 to an hour")
	}
	if in.SelectPolicy != nil {
		switch rules.SelectPolicy = hpa.SelectPolicy(*in.SelectPolicy); rules.SelectPolicy {
		case hpa.MaxChange, hpa.MinChange, hpa.Disabled:
		default:
			c.errs = append(c.errs, field.NotSupported(path.Child("selectPolicy"), rules.SelectPolicy, []hpa.SelectPolicy{hpa.MaxChange, hpa.MinChange, hpa.Disabled}))
		}
	}
	if in.Tolerance != nil {
		rules.Tolerance = new(in.Tolerance.AsApproximateFloat64())
		c.require(in.Tolerance.Sign() >= 0, path.Child("tolerance"), in.Tolerance.String(), "must not be negative")
	}
	if in.Policies == nil {
		return rules
	}
	if rules.Policies = nil; len(in.Policies) == 0 {
		c.errs = append(c.errs, field.Required(path.Child("policies"), "name at least one, or leave the list out"))
	}
	for i, p := range in.Policies {
		path := path.Child("policies").Index(i)
		switch p.Type {
		case autoscalingv2.PodsScalingPolicy, autoscalingv2.PercentScalingPolicy:
		default:
			c.errs = append(c.errs, field.NotSupported(path.Child("type"), p.Type, []hpa.PolicyType{hpa.PodsPolicy, hpa.PercentPolicy}))
		}
		c.require(p.Value > 0, path.Child("value"), p.Value, "must be above 0")
		c.require(0 < p.PeriodSeconds && p.PeriodSeconds <= maxPeriodSeconds, path.Child("periodSeconds"), p.PeriodSeconds, "must be from 1 second to half an hour")
		rules.Policies = append(rules.Policies, hpa.Policy{Type: hpa.PolicyType(p.Type), Value: p.Value, Period: time.Duration(p.PeriodSeconds) * time.Second})
	}
	return rules
}

func valueOr[T any](pointer *T, unset T) T {
	if pointer == nil {
		return unset
	}
	return *pointer
}
