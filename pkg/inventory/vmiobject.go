package inventory

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// vmiObject is the part of a VirtualMachineInstance's JSON that the inventory and
// a reflector read. All of it, in KubeVirt's own type, takes ten times the bytes.
type vmiObject struct {
	Metadata vmiMetadata `json:"metadata"`
	Spec     struct {
		ReadinessProbe vmiProbe `json:"readinessProbe"`
	} `json:"spec"`
	Status struct {
		NodeName   string         `json:"nodeName"`
		Phase      string         `json:"phase"`
		Conditions []vmiCondition `json:"conditions"`
		Phases     []vmiPhase     `json:"phaseTransitionTimestamps"`
	} `json:"status"`
}

type vmiMetadata struct {
	metav1.ObjectMeta
	ManagedFields skipped `json:"managedFields"` // Hides ObjectMeta's, a fifth of the JSON.
}

// vmiProbe has what a probe can ask. The guest agent, which is left out here,
// answers long before an application does.
type vmiProbe struct {
	HTTPGet   *struct{} `json:"httpGet"`
	TCPSocket *struct{} `json:"tcpSocket"`
	Exec      *struct{} `json:"exec"`
}

type vmiCondition struct {
	Type       string    `json:"type"`
	Status     string    `json:"status"`
	Transition time.Time `json:"lastTransitionTime"`
}

type vmiPhase struct {
	Phase string    `json:"phase"`
	Since time.Time `json:"phaseTransitionTimestamp"`
}

// skipped is JSON that nobody reads.
type skipped struct{}

// UnmarshalJSON takes anything.
func (skipped) UnmarshalJSON([]byte) error { return nil }

// GetObjectMeta lets a reflector find an object's name and version.
func (o *vmiObject) GetObjectMeta() metav1.Object { return &o.Metadata }

// GetObjectKind says nothing, as for the objects of typed clients.
func (o *vmiObject) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject makes a runtime.Object of it.
func (o *vmiObject) DeepCopyObject() runtime.Object {
	c := *o
	o.Metadata.DeepCopyInto(&c.Metadata.ObjectMeta)
	c.Status.Conditions = slices.Clone(o.Status.Conditions)
	c.Status.Phases = slices.Clone(o.Status.Phases)
	return &c
}
