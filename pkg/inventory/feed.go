package inventory

import (
	"fmt"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// A feed is what a reflector writes one kind of objects into: it cuts each
// object down to what the Store keeps and hands it on. It is called by its
// reflector alone.
type feed[T row] struct {
	convert func(any) (T, error)
	put     func(T)
	remove  func(namespace, name string)

	known  map[types.NamespacedName]struct{} // What has been put and not removed.
	synced atomic.Bool
}

func newFeed[T row](convert func(any) (T, error), put func(T), remove func(namespace, name string)) *feed[T] {
	return &feed[T]{convert: convert, put: put, remove: remove, known: make(map[types.NamespacedName]struct{})}
}

// converted carries a value through the reflector's temporary store, which
// looks for nothing but the name.
type converted[T row] struct {
	metav1.ObjectMeta
	value T
}

// Transformer lets the reflector cut objects down while a list streams in.
func (f *feed[T]) Transformer() cache.TransformFunc {
	return func(obj any) (any, error) { return f.converted(obj) }
}

func (f *feed[T]) converted(obj any) (*converted[T], error) {
	if c, ok := obj.(*converted[T]); ok {
		return c, nil
	}
	value, err := f.convert(obj)
	if err != nil {
		return nil, err
	}
	m := value.meta()
	return &converted[T]{ObjectMeta: metav1.ObjectMeta{Namespace: m.Namespace, Name: m.Name}, value: value}, nil
}

// Add takes an object that appeared.
func (f *feed[T]) Add(obj any) error {
	c, err := f.converted(obj)
	if err != nil {
		return err
	}
	f.take(c)
	return nil
}

func (f *feed[T]) take(c *converted[T]) {
	f.known[types.NamespacedName{Namespace: c.Namespace, Name: c.Name}] = struct{}{}
	f.put(c.value)
}

// Update takes an object that changed.
func (f *feed[T]) Update(obj any) error { return f.Add(obj) }

// Delete takes an object that is gone.
func (f *feed[T]) Delete(obj any) error {
	m, err := meta.Accessor(obj)
	if err != nil {
		return fmt.Errorf("a deleted object has no metadata: %w", err)
	}
	f.forget(types.NamespacedName{Namespace: m.GetNamespace(), Name: m.GetName()})
	return nil
}

func (f *feed[T]) forget(key types.NamespacedName) {
	delete(f.known, key)
	f.remove(key.Namespace, key.Name)
}

// Replace takes the list of all objects that there are, or refuses it as a whole.
func (f *feed[T]) Replace(list []any, _ string) error {
	all := make([]*converted[T], len(list))
	for i, obj := range list {
		var err error
		if all[i], err = f.converted(obj); err != nil {
			return err
		}
	}
	gone := f.known
	f.known = make(map[types.NamespacedName]struct{}, len(list))
	for _, c := range all {
		f.take(c)
	}
	for key := range gone {
		if _, ok := f.known[key]; !ok {
			f.forget(key)
		}
	}
	f.synced.Store(true)
	return nil
}

// Resync has nothing to do: what is put into the Store stays there.
func (f *feed[T]) Resync() error { return nil }
