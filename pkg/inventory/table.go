package inventory

import (
	"iter"
	"maps"

	"k8s.io/apimachinery/pkg/types"
)

type row interface{ meta() Meta }

// A table holds the objects of one kind, found by name and by owner. Owners own
// within their namespace: whoever writes another's UID into an owner reference,
// which the API server does not check, gets nowhere.
type table[T row] struct {
	byName  map[string]map[string]T    // namespace -> name.
	byOwner map[owning]map[types.UID]T // owner -> own UID.
}

// owning is an owner as seen from what it owns.
type owning struct {
	namespace string
	owner     types.UID
}

func newTable[T row]() table[T] {
	return table[T]{byName: make(map[string]map[string]T), byOwner: make(map[owning]map[types.UID]T)}
}

func (t table[T]) get(namespace, name string) (T, bool) {
	r, ok := t.byName[namespace][name]
	return r, ok
}

func (t table[T]) put(r T) {
	m := r.meta()
	t.remove(m.Namespace, m.Name)
	put(t.byName, m.Namespace, m.Name, r)
	if m.Owner.UID != "" {
		put(t.byOwner, owning{m.Namespace, m.Owner.UID}, m.UID, r)
	}
}

func (t table[T]) remove(namespace, name string) {
	old, ok := t.get(namespace, name)
	if !ok {
		return
	}
	m := old.meta()
	remove(t.byName, namespace, name)
	remove(t.byOwner, owning{m.Namespace, m.Owner.UID}, m.UID)
}

// in yields the rows of a namespace.
func (t table[T]) in(namespace string) iter.Seq[T] {
	return maps.Values(t.byName[namespace])
}

// ownedBy yields the rows whose controlling owner it is.
func (t table[T]) ownedBy(owner Meta) iter.Seq[T] {
	return maps.Values(t.byOwner[owning{owner.Namespace, owner.UID}])
}

// all yields every row.
func (t table[T]) all() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, rows := range t.byName {
			for _, r := range rows {
				if !yield(r) {
					return
				}
			}
		}
	}
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
