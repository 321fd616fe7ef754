package hpa

import "time"

// State is what the controller reads in one sync.
type State struct {
	Now            time.Time
	SpecReplicas   int32     // of the target's scale, spec.replicas
	StatusReplicas int32     // of the target's scale, status.replicas
	Pods           []Pod     // all that the scale's selector finds, names unique
	Readings       []Reading // of each of Spec.Metrics, in that order
}

// Phase is a pod's status.phase.
type Phase string

// The phases that matter to the controller. Every other one is as Running in the
// grouping of pods, and makes no pod ready.
const (
	Pending   Phase = "Pending"
	Running   Phase = "Running"
	Succeeded Phase = "Succeeded"
	Failed    Phase = "Failed"
)

// Pod is what the controller knows of a pod.
type Pod struct {
	Name     string
	Phase    Phase
	Deleting bool      // has a deletion timestamp
	Started  time.Time // status.startTime; zero where there is none
	Ready    Ready
}

// Ready is a pod's Ready condition.
type Ready struct {
	Status     ConditionStatus
	Transition time.Time // lastTransitionTime
}

// ConditionStatus is the status of a condition. The empty one says that the pod
// has no such condition.
type ConditionStatus string

// The statuses of a condition.
const (
	True    ConditionStatus = "True"
	False   ConditionStatus = "False"
	Unknown ConditionStatus = "Unknown"
)

// Reading is the answer for one metric: an error, or what its source has.
type Reading struct {
	Err error
	// Pods are the values of pods or their resources, by the pod's name.
	Pods map[string]PodValue
	// RequestsMilli are what pods request of a resource, by the pod's name, for
	// a target of Utilization. One pod without is an error for the metric.
	RequestsMilli map[string]int64
	// ValuesMilli are the one value of an Object, or those of all series of an
	// External metric, which are added up.
	ValuesMilli []int64
}

// PodValue is the value of one pod.
type PodValue struct {
	ValueMilli int64
	Timestamp  time.Time     // only for CPU
	Window     time.Duration // only for CPU
}

// Memory is what the controller remembers of an HPA from sync to sync. The zero
// value is that of a controller that has just started.
type Memory struct {
	Recommendations []Recommendation // before stabilization; in no order
	ScaleUps        []ScaleEvent     // in no order; kept only under a Behavior
	ScaleDowns      []ScaleEvent
	// ScaledToZero is the HPA's condition of that name: that it was the
	// controller, and nobody else, that scaled the target to zero. It is in the
	// HPA's status and survives the controller.
	ScaledToZero bool
}

// Recommendation is what the metrics asked for at a time.
type Recommendation struct {
	Replicas int32
	Time     time.Time
}

// ScaleEvent is a change of the target's replicas that the controller made.
type ScaleEvent struct {
	Change   int32 // positive
	Time     time.Time
	outdated bool // may be overwritten; still counted while its time is within a period
}
