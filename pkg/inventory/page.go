package inventory

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// Page asks for some of the VMIs of a namespace, or of all namespaces.
type Page struct {
	Namespace string               // "" for all.
	Match     func(*VMI) bool      // Which of them.
	After     types.NamespacedName // Only VMIs that come later, zero for all.
	Limit     int                  // How many at most.
}

// Page returns VMIs in the order of their namespaces and names, and whether more
// match than the limit allows.
func (s *Store) Page(p Page) (members []Member, more bool) {
	for _, namespace := range s.vmiNamespaces(p) {
		vmis := s.matching(namespace, p)
		slices.SortFunc(vmis, func(a, b *VMI) int { return strings.Compare(a.Name, b.Name) })
		if left := p.Limit - len(members); len(vmis) > left {
			vmis, more = vmis[:left], true
		}
		members = s.appendMembers(members, vmis)
		if more {
			return members, true
		}
	}
	return members, false
}

// vmiNamespaces returns the namespaces that may have VMIs of a page, in order.
func (s *Store) vmiNamespaces(p Page) []string {
	if p.Namespace != "" {
		return []string{p.Namespace}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var namespaces []string
	for namespace := range s.vmis.byName {
		if namespace >= p.After.Namespace {
			namespaces = append(namespaces, namespace)
		}
	}
	slices.Sort(namespaces)
	return namespaces
}

func (s *Store) matching(namespace string, p Page) []*VMI {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var vmis []*VMI
	for name, v := range s.vmis.in(namespace) {
		after := cmp.Or(strings.Compare(namespace, p.After.Namespace), strings.Compare(name, p.After.Name)) > 0
		if after && p.Match(v) {
			vmis = append(vmis, v)
		}
	}
	return vmis
}

// fewVMIs is how many VMIs are judged under one lock.
const fewVMIs = 256

// appendMembers appends what is known of VMIs. It holds the lock for no longer
// than a few of them take.
func (s *Store) appendMembers(members []Member, vmis []*VMI) []Member {
	for few := range slices.Chunk(vmis, fewVMIs) {
		s.mu.RLock()
		now := s.now()
		for _, v := range few {
			members = append(members, s.member(v, s.activePod(v), now))
		}
		s.mu.RUnlock()
	}
	return members
}
