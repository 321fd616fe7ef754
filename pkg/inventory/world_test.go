package inventory

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// world is a Store with a clock of its own, and short ways to put objects of
// namespace "ns" into it. An object's UID is its kind and name.
type world struct {
	*Store
	now time.Time
}

func newWorld() *world {
	w := &world{now: noon}
	w.Store = NewStore(DefaultWarmups, func() time.Time { return w.now })
	return w
}

func metaOf(kind, name string) Meta {
	return Meta{Namespace: "ns", Name: name, UID: uid(kind, name), Labels: map[string]string{"name": name}}
}

func uid(kind, name string) types.UID { return types.UID(kind + "/" + name) }

func owned(m Meta, kind, name string) Meta {
	m.Owner = Owner{Name: name, UID: uid(kind, name)}
	return m
}

// vmi returns a VMI that has run on node n1 and been Ready for an hour.
func vmi(name string) VMI {
	return VMI{
		Meta: metaOf("vmi", name), Node: "n1", Phase: "Running", Ready: true,
		RunningSince: noon.Add(-time.Hour), ReadyTransition: noon.Add(-time.Hour),
	}
}

// launcher returns a running launcher pod of the VMI on the VMI's node.
func launcher(name string, v VMI) Pod {
	p := Pod{Meta: metaOf("pod", name), Node: v.Node, Phase: "Running", IP: "192.0.2.1", Created: noon}
	p.Namespace, p.Owner = v.Namespace, Owner{Name: v.Name, UID: v.UID}
	return p
}

// start puts a VMI and its launcher pod, which has the VMI's name and "-pod".
func (w *world) start(v VMI) {
	w.PutVMI(v)
	w.PutPod(launcher(v.Name+"-pod", v))
}

// names renders the members of an object: "a b", "none" or "no such object".
func (w *world) names(kind Kind, namespace, name string) string {
	members, exists := w.Members(kind, namespace, name)
	switch {
	case !exists:
		return "no such object"
	case len(members) == 0:
		return "none"
	}
	var names []string
	for _, m := range members {
		names = append(names, m.VMI.Name)
	}
	return strings.Join(names, " ")
}

// whetherCounts renders whether a VMI counts: "counts", or in words why it does not
// or why that is unknown.
func (w *world) whetherCounts(name string) string {
	members, _ := w.Members(VMIs, "ns", name)
	i := slices.IndexFunc(members, func(m Member) bool { return m.VMI.Name == name })
	switch {
	case i < 0:
		return "no such VMI"
	case members[i].Excluded != nil:
		return members[i].Excluded.Error()
	case members[i].Unknown != nil:
		return members[i].Unknown.Error()
	}
	return "counts"
}

// selected returns the names of the objects that a selector matches.
func (w *world) selected(kind Kind, namespace string, selector labels.Selector) []string {
	var names []string
	for _, s := range w.Select(kind, namespace, selector) {
		names = append(names, s.Name)
	}
	return names
}
