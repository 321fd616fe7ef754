package inventory

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/reason"
)

const running = "Running"

// Member is a VMI as a part of some object. What it points to never changes.
type Member struct {
	VMI *VMI
	Pod *Pod // The active launcher pod, nil if there is none.

	// Excluded is the reason why the VMI does not count, nil when it counts.
	Excluded *reason.Error

	// Unknown is the reason why no value of a VMI that counts can be known,
	// whatever its samples are; nil mostly.
	Unknown *reason.Error

	Readiness
}

// Members returns the VMIs that belong to an object, in the order of their
// names, and whether the object exists. A pod has a member only while it is the
// active launcher pod of its VMI.
func (s *Store) Members(kind Kind, namespace, name string) (members []Member, exists bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.members(kind, namespace, name, s.now())
}

// members is Members under the lock.
func (s *Store) members(kind Kind, namespace, name string, now time.Time) (members []Member, exists bool) {
	vmis, exists := s.vmisOf(kind, namespace, name)
	if !exists {
		return nil, false
	}
	for _, v := range vmis {
		members = append(members, s.member(v, s.activePod(v), now))
	}
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.VMI.Name, b.VMI.Name) })
	return members, true
}

// vmisOf returns the VMIs of an object, and whether it exists.
func (s *Store) vmisOf(kind Kind, namespace, name string) (vmis []*VMI, exists bool) {
	switch kind {
	case Pods:
		p := s.pods.get(namespace, name)
		if p == nil {
			return nil, false
		}
		if v := s.vmiOf(p); v != nil {
			vmis = append(vmis, v)
		}
		return vmis, true
	case VMIs:
		v := s.vmis.get(namespace, name)
		return []*VMI{v}, v != nil
	case Pools:
		pool := s.objects[Pools].get(namespace, name)
		if pool == nil {
			return nil, false
		}
		for _, vm := range s.objects[VMs].ownedBy(pool.Meta) {
			vmis = append(vmis, s.vmis.ownedBy(vm.Meta)...)
		}
		return vmis, true
	case Services:
		service := s.services.get(namespace, name)
		if service == nil {
			return nil, false
		}
		return s.behind(service), true
	case Namespaces:
		return slices.Collect(maps.Values(s.vmis.in(namespace))), name == namespace // Whether it exists, we do not watch.
	default:
		owner := s.objects[kind].get(namespace, name)
		if owner == nil {
			return nil, false
		}
		return s.vmis.ownedBy(owner.Meta), true
	}
}

// behind returns the VMIs whose active launcher pods a Service selects.
func (s *Store) behind(service *Service) (vmis []*VMI) {
	if len(service.Selector) == 0 {
		return nil
	}
	selector := labels.SelectorFromSet(service.Selector)
	for _, v := range s.vmis.in(service.Namespace) {
		if p := s.activePod(v); p != nil && selector.Matches(labels.Set(p.Labels)) {
			vmis = append(vmis, v)
		}
	}
	return vmis
}

// vmiOf returns the VMI whose active launcher pod p is, nil if there is none.
func (s *Store) vmiOf(p *Pod) *VMI {
	v := s.vmis.get(p.Namespace, p.Owner.Name)
	if v == nil || v.UID != p.Owner.UID || s.activePod(v) != p {
		return nil
	}
	return v
}

// activePod returns the launcher pod in which the VMI runs, nil if there is none:
// controlled by the VMI, on its node, Running, and the newest of these. Finished
// pods of earlier migrations and a migration's target do not pass.
func (s *Store) activePod(v *VMI) *Pod {
	var active *Pod
	for _, p := range s.pods.ownedBy(v.Meta) {
		if p.Node != v.Node || p.Phase != running {
			continue
		}
		if active == nil || p.Created.After(active.Created) {
			active = p
		}
	}
	return active
}

func (s *Store) member(v *VMI, pod *Pod, now time.Time) Member {
	m := Member{VMI: v, Pod: pod}
	m.Excluded = excluded(v)
	if m.Excluded == nil {
		m.Readiness, m.Excluded, m.Unknown = s.warmups.judge(v, now)
	}
	if m.Excluded == nil && m.Unknown == nil && pod == nil {
		m.Unknown = reason.Errorf(reason.NoActivePod, "no running launcher pod on node %q", v.Node)
	}
	return m
}

// excluded returns the reason why a VMI does not count whatever its readiness is,
// nil if there is none.
func excluded(v *VMI) *reason.Error {
	switch {
	case v.Deleting:
		return reason.Errorf(reason.Deleting, "being deleted")
	case v.Phase != running:
		return reason.Errorf(reason.NotRunning, "in phase %s, not Running", v.Phase)
	case v.Paused:
		return reason.Errorf(reason.Paused, "Paused")
	default:
		return nil
	}
}

// Selected is an object that a selector matched, with its members.
type Selected struct {
	Name    string
	Members []Member
}

// Select returns the objects of a kind in a namespace whose labels match, in the
// order of their names. Of pods, only the active launcher pods are selected.
func (s *Store) Select(kind Kind, namespace string, selector labels.Selector) []Selected {
	s.mu.RLock()
	defer s.mu.RUnlock()
	now := s.now()
	var found []Selected
	switch kind {
	case Pods:
		for _, p := range s.pods.in(namespace) {
			if !selector.Matches(labels.Set(p.Labels)) { // First, since it is the cheapest.
				continue
			}
			if v := s.vmiOf(p); v != nil {
				found = append(found, Selected{p.Name, []Member{s.member(v, p, now)}})
			}
		}
	case VMIs:
		for _, v := range s.vmis.in(namespace) {
			if selector.Matches(labels.Set(v.Labels)) {
				found = append(found, Selected{v.Name, []Member{s.member(v, s.activePod(v), now)}})
			}
		}
	default:
		for _, m := range s.groups(kind, namespace) {
			if selector.Matches(labels.Set(m.Labels)) {
				members, _ := s.members(kind, namespace, m.Name, now)
				found = append(found, Selected{m.Name, members})
			}
		}
	}
	slices.SortFunc(found, func(a, b Selected) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// groups returns the objects of a kind in a namespace that VMIs belong to.
func (s *Store) groups(kind Kind, namespace string) (found []Meta) {
	if kind == Services {
		for _, service := range s.services.in(namespace) {
			found = append(found, service.Meta)
		}
		return found
	}
	for _, o := range s.objects[kind].in(namespace) {
		found = append(found, o.Meta)
	}
	return found
}

// VMI returns the VMI of the given name, nil if there is none.
func (s *Store) VMI(namespace, name string) *VMI {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.vmis.get(namespace, name)
}

// HasVMI reports whether there is a VMI of the UID.
func (s *Store) HasVMI(uid types.UID) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.warmups.of[uid]
	return ok
}

// All yields every VMI, in no order. It holds the lock for no longer than a few
// of them take.
func (s *Store) All() iter.Seq[Member] {
	return func(yield func(Member) bool) {
		s.mu.RLock()
		all := s.vmis.all()
		s.mu.RUnlock()
		var members []Member
		for few := range slices.Chunk(all, fewVMIs) {
			members = s.appendMembers(members[:0], few)
			for _, m := range members {
				if !yield(m) {
					return
				}
			}
		}
	}
}
