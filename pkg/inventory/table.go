package inventory

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

type row interface{ meta() Meta }

// A table holds the objects of one kind, found by name and by owner. What is put
// into it is replaced and never changed, so that readers keep it without a lock.
// Owners own within their namespace: whoever writes another's UID into an owner
// reference, which the API server does not check, gets nowhere.
type table[T row] struct {
	byName  map[string]map[string]*T // namespace -> name.
	byOwner map[owning][]*T
}

// owning is an owner as seen from what it owns.
type owning struct {
	namespace string
	owner     types.UID
}

func newTable[T row]() table[T] {
	return table[T]{byName: make(map[string]map[string]*T), byOwner: make(map[owning][]*T)}
}

// get returns nil when there is no row of the name.
func (t table[T]) get(namespace, name string) *T { return t.byName[namespace][name] }

func (t table[T]) put(r *T) {
	m := (*r).meta()
	t.remove(m.Namespace, m.Name)
	put(t.byName, m.Namespace, m.Name, r)
	if m.Owner.UID != "" {
		key := owning{m.Namespace, m.Owner.UID}
		t.byOwner[key] = append(t.byOwner[key], r)
	}
}

func (t table[T]) remove(namespace, name string) {
	old := t.get(namespace, name)
	if old == nil {
		return
	}
	m := (*old).meta()
	remove(t.byName, namespace, name)
	key := owning{m.Namespace, m.Owner.UID}
	if i := slices.Index(t.byOwner[key], old); i >= 0 {
		t.byOwner[key] = slices.Delete(t.byOwner[key], i, i+1)
	}
	if len(t.byOwner[key]) == 0 {
		delete(t.byOwner, key)
	}
}

// in returns the rows of a namespace by their names. The caller must not change
// the map, and reads it under the lock that guards the table.
func (t table[T]) in(namespace string) map[string]*T { return t.byName[namespace] }

// ownedBy returns the rows whose controlling owner it is.
func (t table[T]) ownedBy(owner Meta) []*T {
	return t.byOwner[owning{owner.Namespace, owner.UID}]
}

// all returns every row.
func (t table[T]) all() []*T {
	var all []*T
	for _, rows := range t.byName {
		for _, r := range rows {
			all = append(all, r)
		}
	}
	return all
}

func put[A, B comparable, T any](m map[A]map[B]T, a A, b B, v T) {
	if m[a] == nil {
		m[a] = make(map[B]T)
	}
	m[a][b] = v
}

func remove[A, B comparable, T any](m map[A]map[B]T, a A, b B) {
	delete(m[a], b)
	if len(m[a]) == 0 {
		delete(m, a)
	}
}
