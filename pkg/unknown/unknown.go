// Package unknown is the vocabulary of reasons for which a VMI has no value.
// An autoscaler must never take "unknown" for zero, and a person must learn
// why; so the API's errors, the server's own metrics and its log all speak
// these words. The package knows nothing of how a reason is found.
package unknown

import "fmt"

// Reason is one word of the vocabulary, in the form of a label's value.
type Reason string

// The reasons, in the order in which they are looked for.
const (
	Deleting    Reason = "deleting"      // The VMI is being deleted.
	NotRunning  Reason = "not_running"   // The VMI is in another phase than Running.
	Paused      Reason = "paused"        // The guest is paused, its counters stand still.
	NoActivePod Reason = "no_active_pod" // No running launcher pod on the VMI's node.
	NotReady    Reason = "not_ready"     // The VMI has not been Ready yet.
	WarmingUp   Reason = "warming_up"    // Ready, but not for its warm-up yet.
	NoEndpoint  Reason = "no_endpoint"   // Nothing says where the guest's status page is.
	BadEndpoint Reason = "bad_endpoint"  // What says where it is cannot be understood.
	NoSample    Reason = "no_sample"     // virt-handler, or the guest's page, has not told of this VMI yet.
	TooLarge    Reason = "too_large"     // virt-handler's response has more of this VMI than is read.
	Stale       Reason = "stale"         // The newest sample is older than the age limit.
	OneSample   Reason = "one_sample"    // A rate needs a second sample.
	NotReported Reason = "not_reported"  // The samples lack the series that the metric needs.
	NoAgent     Reason = "no_agent"      // The metric needs the guest agent, which is not connected.
)

// The reasons for which a group has no value.
const (
	NoMembers   Reason = "no_members"    // No VMI belongs to it.
	TooFewKnown Reason = "too_few_known" // Too few of its members' values are known.
)

// Reasons lists the reasons of single VMIs.
func Reasons() []Reason {
	return []Reason{
		Deleting, NotRunning, Paused, NoActivePod, NotReady, WarmingUp,
		NoEndpoint, BadEndpoint, NoSample, TooLarge, Stale, OneSample, NotReported, NoAgent,
	}
}

// Error says why a VMI has no value. Detail is for a person: a clause such as
// "warming up for another 40 s".
type Error struct {
	Reason Reason
	Detail string
	Series string // The name of the series that is missing, where that is the reason.
}

// Errorf returns an Error with a formatted detail.
func Errorf(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// Error returns the detail alone; the reason is a word for machines.
func (e *Error) Error() string { return e.Detail }
