package inventory

import (
	"net/netip"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/guesthttp"
)

// Meta is what every object of the inventory has.
type Meta struct {
	Namespace, Name string
	UID             types.UID
	Labels          map[string]string
	Owner           Owner // Zero without one.
	Deleting        bool
}

// Owner is the object that controls another one.
type Owner struct {
	Name string
	UID  types.UID
}

func (m Meta) meta() Meta { return m }

// VMI is what the API says of a VirtualMachineInstance.
type VMI struct {
	Meta
	Node   string // Where the API says that it runs; changes at a migration's hand-over.
	Phase  string
	Paused bool
	Ready  bool
	Agent  bool // The guest agent is connected.
	Probed bool // Ready means that its application serves.

	RunningSince    time.Time // When it entered the phase Running, zero if not known.
	ReadyTransition time.Time // When Ready changed last.
	Resumed         time.Time // When a pause ended, as the Store saw it; zero if it saw none.

	// Stay names the VMI's stay on its node, as the Store saw it: another one after
	// each change of Node, also back to a node on which it was before.
	Stay string

	Warmup   *time.Duration      // What the annotation asks for, nil without one.
	Endpoint *guesthttp.Endpoint // Where annotations say that the guest's status page is, nil without them.
	Problems []Problem           // Annotations that are not understood.
}

// Problem is an annotation of ours that is not understood.
type Problem struct {
	Annotation string
	Why        string // What is wrong with it and what is allowed.
}

// EndpointProblem returns why annotations about the guest's status page are not
// understood, false if there is no such problem.
func (v VMI) EndpointProblem() (Problem, bool) {
	for _, p := range v.Problems {
		if strings.HasPrefix(p.Annotation, guesthttp.AnnotationPrefix) {
			return p, true
		}
	}
	return Problem{}, false
}

// Pod is what the API says of a launcher pod or a virt-handler pod.
type Pod struct {
	Meta
	Node    string
	Phase   string
	IP      string
	Port    int32 // The container port named "metrics", 0 without one.
	Created time.Time
}

// Service is what the API says of a Service.
type Service struct {
	Meta
	Selector map[string]string // Of pods; empty where it selects none.
}

// Object is what the API says of a VM, a replica set or a pool.
type Object struct {
	Meta
}

// node is what the API says of a node.
type node struct {
	Meta
	addresses []netip.Addr
}
