package hpa

import (
	"math"
	"time"
)

// Spec is what an HPA asks for, with the API server's defaults filled in.
type Spec struct {
	MinReplicas int32 // at least 1, or 0 with an Object or External metric
	MaxReplicas int32
	Metrics     []Metric  // at least one
	Behavior    *Behavior // nil where the HPA has none; other rules hold then
}

// Source is where a metric's values come from.
type Source string

// The sources of autoscaling/v2. A ContainerResource has the values and requests
// of one container, and is else as a Resource.
const (
	Pods              Source = "Pods"
	Object            Source = "Object"
	External          Source = "External"
	Resource          Source = "Resource"
	ContainerResource Source = "ContainerResource"
)

// TargetType is how a value is compared with its target.
type TargetType string

// The target types of autoscaling/v2. Pods have AverageValue; Object and External
// have Value or AverageValue; resources have AverageValue or Utilization.
const (
	Value        TargetType = "Value"
	AverageValue TargetType = "AverageValue"
	Utilization  TargetType = "Utilization"
)

// CPU is the resource whose pods count only once they are initialized.
const CPU = "cpu"

// Metric is one metric of an HPA and its target.
type Metric struct {
	Source        Source
	Name          string // of a resource: CPU, "memory" or another
	TargetType    TargetType
	TargetMilli   int64 // of Value and AverageValue, above 0
	TargetPercent int32 // of Utilization: percent of the requests, above 0
}

// Behavior limits how fast an HPA scales in each direction.
type Behavior struct {
	ScaleUp   Rules
	ScaleDown Rules
}

// Rules limit scaling in one direction.
type Rules struct {
	// StabilizationWindow is how far back the controller looks for a more
	// cautious recommendation: 0 to an hour, in whole seconds. Nil is the API
	// server's default for scaling down: Controller.DownscaleStabilization.
	StabilizationWindow *time.Duration
	SelectPolicy        SelectPolicy
	Policies            []Policy // at least one
	// Tolerance is the relative distance from the target below which nothing is
	// done, at least 0. Nil is Controller.Tolerance.
	Tolerance *float64
}

// SelectPolicy chooses among the limits of several policies.
type SelectPolicy string

// MaxChange takes the policy that allows the largest change, MinChange the one
// that allows the smallest; Disabled allows none.
const (
	MaxChange SelectPolicy = "Max"
	MinChange SelectPolicy = "Min"
	Disabled  SelectPolicy = "Disabled"
)

// PolicyType is the unit of a policy's value.
type PolicyType string

// The policy types of autoscaling/v2.
const (
	PodsPolicy    PolicyType = "Pods"
	PercentPolicy PolicyType = "Percent"
)

// Policy allows a change of Value within any Period.
type Policy struct {
	Type   PolicyType
	Value  int32         // pods, or percent of the replicas at the period's start; above 0
	Period time.Duration // above 0, at most half an hour, in whole seconds
}

// DefaultScaleUp returns what the API server fills in for an HPA with a behavior
// (pkg/apis/autoscaling/v2/defaults.go, defaultHPAScaleUpRules).
func DefaultScaleUp() Rules {
	return Rules{
		StabilizationWindow: new(time.Duration),
		SelectPolicy:        MaxChange,
		Policies: []Policy{
			{Type: PodsPolicy, Value: 4, Period: 15 * time.Second},
			{Type: PercentPolicy, Value: 100, Period: 15 * time.Second},
		},
	}
}

// DefaultScaleDown returns what the API server fills in for an HPA with a
// behavior (pkg/apis/autoscaling/v2/defaults.go, defaultHPAScaleDownRules).
func DefaultScaleDown() Rules {
	return Rules{
		SelectPolicy: MaxChange,
		Policies:     []Policy{{Type: PercentPolicy, Value: 100, Period: 15 * time.Second}},
	}
}

// longestPeriod is getLongestPolicyPeriod of horizontal.go.
func (r Rules) longestPeriod() time.Duration {
	var longest time.Duration
	for _, p := range r.Policies {
		longest = max(longest, p.Period)
	}
	return longest
}

// readsObject reports whether a metric can be read without pods, so that an HPA
// may scale from zero (hasObjectOrExternalMetrics of horizontal.go).
func (s Spec) readsObject() bool {
	for _, m := range s.Metrics {
		if m.Source == Object || m.Source == External {
			return true
		}
	}
	return false
}

// ceilReplicas rounds up as the controller does. It does not bound the number:
// what is outside of int32 becomes what the machine's conversion makes of it.
func ceilReplicas(replicas float64) int32 { return int32(math.Ceil(replicas)) }

// ceilReplicasBounded is ceilReplicas with an upper bound.
func ceilReplicasBounded(replicas float64) int32 {
	if replicas > math.MaxInt32 {
		return math.MaxInt32
	}
	return ceilReplicas(replicas)
}
