package inventory

import (
	"iter"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/unknown"
)

const (
	componentLabel     = "kubevirt.io"
	virtHandler        = "virt-handler"
	virtLauncher       = "virt-launcher"
	running            = "Running"
	defaultMetricsPort = 8443
)

// Member is a VMI as a part of some object.
type Member struct {
	VMI VMI
	Pod Pod // The active launcher pod, zero if there is none.

	// Standing is nil when the VMI counts, else the reason why it does not.
	Standing *unknown.Error

	// CountsSince is when the warm-up of a VMI that counts ended, zero if that
	// was long ago. What it did before is boot load.
	CountsSince time.Time
}

// Members returns the VMIs that belong to an object, in the order of their
// names, and whether the object exists. A pod has a member only while it is the
// active launcher pod of its VMI.
func (s *Store) Members(kind Kind, namespace, name string) (members []Member, exists bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	vmis, exists := s.vmisOf(kind, namespace, name)
	if !exists {
		return nil, false
	}
	now := s.now()
	for v := range vmis {
		members = append(members, s.member(v, now))
	}
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.VMI.Name, b.VMI.Name) })
	return members, true
}

// vmisOf returns the VMIs of an object, and whether it exists.
func (s *Store) vmisOf(kind Kind, namespace, name string) (iter.Seq[VMI], bool) {
	switch kind {
	case Pods:
		p, ok := s.pods.get(namespace, name)
		if !ok {
			return nil, false
		}
		return func(yield func(VMI) bool) {
			if v, ok := s.vmiOf(p); ok {
				yield(v)
			}
		}, true
	case VMIs:
		v, ok := s.vmis.get(namespace, name)
		return func(yield func(VMI) bool) { yield(v) }, ok
	case Pools:
		pool, ok := s.objects[Pools].get(namespace, name)
		return func(yield func(VMI) bool) {
			for vm := range s.objects[VMs].ownedBy(pool.Meta) {
				for v := range s.vmis.ownedBy(vm.Meta) {
					if !yield(v) {
						return
					}
				}
			}
		}, ok
	case Services:
		service, ok := s.services.get(namespace, name)
		return s.behind(service), ok
	case Namespaces:
		return s.vmis.in(name), true // Whether it exists, we do not watch.
	default:
		owner, ok := s.objects[kind].get(namespace, name)
		return s.vmis.ownedBy(owner.Meta), ok
	}
}

// behind yields the VMIs whose active launcher pods a Service selects.
func (s *Store) behind(service Service) iter.Seq[VMI] {
	return func(yield func(VMI) bool) {
		if len(service.Selector) == 0 {
			return
		}
		selector := labels.SelectorFromSet(service.Selector)
		for v := range s.vmis.in(service.Namespace) {
			if p, ok := s.activePod(v); ok && selector.Matches(labels.Set(p.Labels)) && !yield(v) {
				return
			}
		}
	}
}

// vmiOf returns the VMI whose active launcher pod p is.
func (s *Store) vmiOf(p Pod) (VMI, bool) {
	v, ok := s.vmis.get(p.Namespace, p.Owner.Name)
	if !ok || v.UID != p.Owner.UID {
		return VMI{}, false
	}
	active, ok := s.activePod(v)
	return v, ok && active.UID == p.UID
}

// activePod returns the launcher pod in which the VMI runs: controlled by the
// VMI, on its node, Running, and the newest of these. Finished pods of earlier
// migrations and a migration's target do not pass.
func (s *Store) activePod(v VMI) (active Pod, ok bool) {
	for p := range s.pods.ownedBy(v.Meta) {
		if p.Node != v.Node || p.Phase != running {
			continue
		}
		if !ok || p.Created.After(active.Created) {
			active, ok = p, true
		}
	}
	return active, ok
}

func (s *Store) member(v VMI, now time.Time) Member {
	pod, ok := s.activePod(v)
	m := Member{VMI: v, Pod: pod, Standing: s.standing(v, ok, now)}
	if m.Standing == nil {
		m.CountsSince = s.readiness[v.UID].countsSince(s.warmupOf(v))
	}
	return m
}

// Select returns the names of the objects of a kind in a namespace whose labels
// match, in order. Of pods, only the active launcher pods are selected.
func (s *Store) Select(kind Kind, namespace string, selector labels.Selector) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var names []string
	add := func(m Meta) {
		if selector.Matches(labels.Set(m.Labels)) {
			names = append(names, m.Name)
		}
	}
	switch kind {
	case Pods:
		for v := range s.vmis.in(namespace) {
			if p, ok := s.activePod(v); ok {
				add(p.Meta)
			}
		}
	case VMIs:
		for v := range s.vmis.in(namespace) {
			add(v.Meta)
		}
	case Services:
		for service := range s.services.in(namespace) {
			add(service.Meta)
		}
	default:
		for o := range s.objects[kind].in(namespace) {
			add(o.Meta)
		}
	}
	slices.Sort(names)
	return names
}

// VMI returns the VMI of the given name.
func (s *Store) VMI(namespace, name string) (VMI, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.vmis.get(namespace, name)
}

// HasVMI tells whether there is a VMI of the UID.
func (s *Store) HasVMI(uid types.UID) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.readiness[uid]
	return ok
}

// All returns every VMI, in no order.
func (s *Store) All() []Member {
	s.mu.RLock()
	defer s.mu.RUnlock()
	now := s.now()
	var members []Member
	for v := range s.vmis.all() {
		members = append(members, s.member(v, now))
	}
	return members
}
