package inventory

import (
	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/guesthttp"
)

// guests knows which guests have a status page, and when that changes.
type guests struct {
	annotated map[types.NamespacedName]struct{} // VMIs with an endpoint.
	changed   chan struct{}
}

func newGuests() guests {
	return guests{annotated: make(map[types.NamespacedName]struct{}), changed: make(chan struct{}, 1)}
}

// reach is what of a VMI decides whether and where its guest is read.
type reach struct {
	uid              types.UID
	node, phase      string
	paused, deleting bool
	endpoint         guesthttp.Endpoint
}

func reachOf(v *VMI) reach {
	if v == nil {
		return reach{}
	}
	r := reach{uid: v.UID, node: v.Node, phase: v.Phase, paused: v.Paused, deleting: v.Deleting}
	if v.Endpoint != nil {
		r.endpoint = *v.Endpoint
	}
	return r
}

func (g guests) vmiChanged(before, after *VMI) {
	key := types.NamespacedName{Namespace: after.Namespace, Name: after.Name}
	_, annotated := g.annotated[key]
	switch {
	case after.Endpoint != nil:
		g.annotated[key] = struct{}{}
	case annotated:
		delete(g.annotated, key)
	default:
		return
	}
	if reachOf(before) != reachOf(after) {
		signal(g.changed)
	}
}

func (g guests) vmiGone(v *VMI) {
	delete(g.annotated, types.NamespacedName{Namespace: v.Namespace, Name: v.Name})
	if v.Endpoint != nil {
		signal(g.changed)
	}
}

func (g guests) podChanged(before, after *Pod) {
	key := types.NamespacedName{Namespace: after.Namespace, Name: after.Owner.Name}
	if _, annotated := g.annotated[key]; !annotated {
		return
	}
	if before == nil || before.UID != after.UID || before.IP != after.IP || before.Phase != after.Phase || before.Node != after.Node {
		signal(g.changed)
	}
}

// Guest is a guest whose status page can be read now.
type Guest struct {
	Namespace, Name string // Of the VMI.
	UID             types.UID
	IP              string // The active launcher pod's own, as the API says it.
	Endpoint        guesthttp.Endpoint
}

// Guests returns the guests with a status page that run and are not paused, in
// no order. Those that warm up are among them.
func (s *Store) Guests() []Guest {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := make([]Guest, 0, len(s.guests.annotated))
	for key := range s.guests.annotated {
		v := s.vmis.get(key.Namespace, key.Name)
		if v == nil || v.Phase != running || v.Paused || v.Deleting {
			continue
		}
		if p := s.activePod(v); p != nil && p.IP != "" {
			found = append(found, Guest{Namespace: v.Namespace, Name: v.Name, UID: v.UID, IP: p.IP, Endpoint: *v.Endpoint})
		}
	}
	return found
}

// GuestsChanged gets a value when Guests may return something else.
func (s *Store) GuestsChanged() <-chan struct{} { return s.guests.changed }
