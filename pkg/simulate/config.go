package simulate

import (
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"guest-metrics-server/pkg/hpa"
)

// Config says what is simulated. Times are those since the beginning.
type Config struct {
	// Seed decides on what the rest leaves open: phases, boot times, which VMIs a
	// scale-in deletes and which an event happens to.
	Seed     uint64
	Duration time.Duration

	// Demand is the work that there is to do at a time: 1 keeps all CPUs of one
	// guest busy, 0 is none. What the guests cannot do is lost.
	Demand func(at time.Duration) float64

	Nodes  int // at least 1
	Guests Guests
	Server Server
	HPA    HPA
	Events []Event // in any order
}

// Guests says what the guests of the pool are like.
type Guests struct {
	VCPUs            int           // at least 1
	MinBoot, MaxBoot time.Duration // from the VMI's creation to Ready, which is when the guest begins to work
	Burn             time.Duration // for how long after Ready the guest uses all of its CPUs, whatever work it does
	Requests         float64       // HTTP requests per second that a busy guest answers; 0 for guests without a status page
}

// Server has the flags of the server.
type Server struct {
	ScrapeInterval   time.Duration // of nodes and guests
	RateWindow       time.Duration
	MaxSampleAge     time.Duration
	Warmup           time.Duration
	MinKnownFraction float64
}

// HPA is the pool's HPA and its controller.
type HPA struct {
	Controller hpa.Controller
	Spec       hpa.Spec
	Selectors  []labels.Selector // metric.selector of each of Spec.Metrics
	Replicas   int32             // that the pool has at the beginning, all Ready for an hour
}

// Kind is what an event is.
type Kind string

// The kinds of events. Those of a guest happen to one that is Ready, if there is
// one.
const (
	NodeUnread   Kind = "NodeUnread"   // scrapes of a node fail
	NodeDown     Kind = "NodeDown"     // scrapes of a node fail and its guests do not work; their VMIs fail when it is up again
	GuestUnread  Kind = "GuestUnread"  // the guest is missing from responses
	UnreadZeros  Kind = "UnreadZeros"  // the guest's counters read 0
	GuestPaused  Kind = "GuestPaused"  // the guest does not work, and the VMI is Paused
	GuestDies    Kind = "GuestDies"    // the VMI fails, and its VM starts another one
	Migration    Kind = "Migration"    // the VMI moves to another node, at the end of For
	ServerStarts Kind = "ServerStarts" // the server restarts
)

// Event is something that happens.
type Event struct {
	At   time.Duration
	Kind Kind
	For  time.Duration // for how long, for kinds that last
}
