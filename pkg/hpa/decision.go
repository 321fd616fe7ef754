package hpa

import "time"

// Decision is the outcome of one sync.
type Decision struct {
	// Replicas is the number that the target is to have: State.SpecReplicas
	// where the controller changes nothing.
	Replicas int32
	// Err says that the metrics cannot decide, and names the first that is invalid:
	// all are, or some are and the others would scale down.
	Err       error
	Tolerance Tolerance  // of every metric's ratio
	Proposals []Proposal // of each of Spec.Metrics; none where no metric is read
	Steps     []Step     // from the proposals to Replicas, in order
}

// Proposal is what one metric asks for, and why.
type Proposal struct {
	Replicas int32
	Err      error // the metric is invalid, and the other fields are not all set
	Outcome  Outcome

	// Ratio is of the usage to the target: above 1 is a wish to scale up.
	Ratio float64
	// UsageMilli is the value as the HPA's status shows it: the mean of pods, the
	// value of an Object or External metric, or with AverageValue that divided by
	// the replicas (of no meaning without any).
	UsageMilli int64
	// UtilizationPercent is the usage in percent of the requests, for a target
	// of Utilization.
	UtilizationPercent int32

	// Groups are the target's pods, for metrics of pods and resources.
	Groups Groups
	// ReadyPods is what Ratio was multiplied by, for a target of Value.
	ReadyPods int
	// AdjustedRatio is the ratio once missing and unready pods have been given a
	// value, for the outcomes that say so.
	AdjustedRatio float64
	// AssumedMilli is the value that missing pods were given by name, and
	// unready ones, which are given 0 on a wish to scale up.
	AssumedMilli map[string]int64
}

// Outcome is how a metric's ratio became a number of replicas.
type Outcome string

// The outcomes of a valid metric.
const (
	// Scaled is Ratio times the pods that have a value, or with AverageValue of
	// an Object or External metric the value divided by the target.
	Scaled Outcome = "Scaled"
	// WithinTolerance keeps the replicas: Ratio is close enough to 1.
	WithinTolerance Outcome = "WithinTolerance"
	// ScaledAdjusted is AdjustedRatio times all pods that have or were given a value.
	ScaledAdjusted Outcome = "ScaledAdjusted"
	// AdjustedWithinTolerance keeps the replicas: AdjustedRatio is close enough to 1.
	AdjustedWithinTolerance Outcome = "AdjustedWithinTolerance"
	// DirectionChanged keeps the replicas: Ratio and AdjustedRatio are on
	// different sides of 1.
	DirectionChanged Outcome = "DirectionChanged"
	// ReplicasAgainstRatio keeps the replicas: AdjustedRatio times the pods is on
	// the other side of the replicas than AdjustedRatio of 1.
	ReplicasAgainstRatio Outcome = "ReplicasAgainstRatio"
	// FromZero is Ratio itself: there are no pods to multiply it by.
	FromZero Outcome = "FromZero"
)

// Groups are the names of a target's pods by how the controller counts them.
type Groups struct {
	Ready   []string // have a value that counts; of CPU initialized, else whether Ready or not
	Unready []string // Pending, and of CPU not initialized: their values do not count
	Missing []string // have no value
	Ignored []string // being deleted or Failed, and of later releases Succeeded
}

// Step is one rule that led from the metrics' proposals to the decision.
type Step struct {
	Rule   Rule
	Before int32 // replicas
	After  int32 // replicas
	// Limit is the number that the rule compared with: the minimum, the maximum,
	// or what the rate of change allows.
	Limit int32
	// Window is the one that ScaleUpStabilized or ScaleDownStabilized looked back.
	Window time.Duration
	// Policies are those of ScaleUpLimit and ScaleDownLimit under a Behavior.
	Policies []PolicyLimit
}

// Rule is a rule of the controller. Those that are also reasons of the HPA's
// conditions AbleToScale, ScalingLimited and ScalingActive are spelled alike.
type Rule string

// The rules, in the order in which they apply.
const (
	// ScalingDisabled keeps 0 replicas: somebody else scaled the target to zero.
	ScalingDisabled Rule = "ScalingDisabled"
	// AboveMaximum takes the maximum, without reading any metric.
	AboveMaximum Rule = "AboveMaximum"
	// BelowMinimum takes the minimum, without reading any metric.
	BelowMinimum Rule = "BelowMinimum"
	// InvalidMetrics keeps the replicas: all metrics are invalid, or some are and
	// the others would scale down.
	InvalidMetrics Rule = "InvalidMetrics"
	// HighestProposal takes the highest of the metrics' proposals.
	HighestProposal Rule = "HighestProposal"
	// ScaleUpStabilized takes the lowest recommendation of the window.
	ScaleUpStabilized Rule = "ScaleUpStabilized"
	// ScaleDownStabilized takes the highest recommendation of the window.
	ScaleDownStabilized Rule = "ScaleDownStabilized"
	// ScaleUpLimit takes what may be added by the policies, or without a Behavior
	// twice the replicas, at least 4.
	ScaleUpLimit Rule = "ScaleUpLimit"
	// TooManyReplicas takes the maximum.
	TooManyReplicas Rule = "TooManyReplicas"
	// ScaleDownLimit takes what is left when the policies are used up.
	ScaleDownLimit Rule = "ScaleDownLimit"
	// TooFewReplicas takes the minimum.
	TooFewReplicas Rule = "TooFewReplicas"
	// MinimumFromZero takes the minimum of an HPA that scaled its target to zero
	// before its minimum was raised.
	MinimumFromZero Rule = "MinimumFromZero"
)

// PolicyLimit is what one policy allows.
type PolicyLimit struct {
	Policy  Policy
	Added   int32 // replicas added within the period
	Removed int32 // replicas removed within the period
	Limit   int32 // the replicas that it allows
}
