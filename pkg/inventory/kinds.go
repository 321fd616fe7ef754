package inventory

import "k8s.io/apimachinery/pkg/runtime/schema"

// Kind is a kind of object that metrics are served for.
type Kind struct {
	schema.GroupResource
	APIVersion string // As in the described object of an answer.
	Kind       string
}

// The kinds of objects.
var (
	Pods        = Kind{schema.GroupResource{Resource: "pods"}, "v1", "Pod"}
	VMIs        = Kind{schema.GroupResource{Group: "kubevirt.io", Resource: "virtualmachineinstances"}, "kubevirt.io/v1", "VirtualMachineInstance"}
	VMs         = Kind{schema.GroupResource{Group: "kubevirt.io", Resource: "virtualmachines"}, "kubevirt.io/v1", "VirtualMachine"}
	ReplicaSets = Kind{schema.GroupResource{Group: "kubevirt.io", Resource: "virtualmachineinstancereplicasets"}, "kubevirt.io/v1", "VirtualMachineInstanceReplicaSet"}
	Pools       = Kind{schema.GroupResource{Group: "pool.kubevirt.io", Resource: "virtualmachinepools"}, "pool.kubevirt.io/v1beta1", "VirtualMachinePool"}
	Services    = Kind{schema.GroupResource{Resource: "services"}, "v1", "Service"}
	Namespaces  = Kind{schema.GroupResource{Resource: "namespaces"}, "v1", "Namespace"}
)

var owners = []Kind{VMs, ReplicaSets, Pools}

// Kinds lists the kinds that metrics are served for.
func Kinds() []Kind {
	return []Kind{Pods, VMIs, VMs, ReplicaSets, Pools, Services, Namespaces}
}

// IsGroup reports whether an object of the kind can have more than one VMI.
func (k Kind) IsGroup() bool {
	switch k {
	case Pods, VMIs, VMs:
		return false
	default:
		return true
	}
}
