package inventory

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// handler returns a running virt-handler pod on a node.
func handler(name, node string) Pod {
	m := metaOf("pod", name)
	m.Namespace, m.Labels = "kubevirt", map[string]string{"kubevirt.io": "virt-handler"}
	return Pod{Meta: m, Node: node, Phase: "Running", IP: "192.0.2.7", Port: 8443, Created: noon}
}

// watcherOf returns a Watcher that is fed by the test alone.
func watcherOf(i Inventory) *Watcher { return &Watcher{Inventory: i} }

func TestTargets(t *testing.T) {
	changed := func(p Pod, change func(*Pod)) Pod {
		change(&p)
		return p
	}
	target := func(node string) Target { return Target{Node: node, IP: "192.0.2.7", Port: 8443} }
	for _, test := range []struct {
		name string
		pods []Pod
		want []Target
	}{
		{"none", nil, []Target{}},
		{"one for each node, in order", []Pod{handler("b", "n2"), handler("a", "n1")}, []Target{target("n1"), target("n2")}},
		{
			"not in another namespace, whatever its labels say",
			[]Pod{changed(handler("a", "n1"), func(p *Pod) { p.Namespace = "tenant" })},
			[]Target{},
		},
		{"not before it runs", []Pod{changed(handler("a", "n1"), func(p *Pod) { p.Phase = "Pending" })}, []Target{}},
		{"not without an address", []Pod{changed(handler("a", "n1"), func(p *Pod) { p.IP = "" })}, []Target{}},
		{"not while it is being deleted", []Pod{changed(handler("a", "n1"), func(p *Pod) { p.Deleting = true })}, []Target{}},
		{"not KubeVirt's other components", []Pod{changed(handler("a", "n1"), func(p *Pod) { p.Labels["kubevirt.io"] = "virt-api" })}, []Target{}},
		{
			"the newest of a node",
			[]Pod{
				changed(handler("a", "n1"), func(p *Pod) { p.IP, p.Created = "192.0.2.1", noon.Add(-time.Hour) }),
				changed(handler("b", "n1"), func(p *Pod) { p.IP = "192.0.2.2" }),
				changed(handler("c", "n1"), func(p *Pod) { p.IP, p.Created = "192.0.2.3", noon.Add(-time.Minute) }),
			},
			[]Target{{Node: "n1", IP: "192.0.2.2", Port: 8443}},
		},
		{
			"at an IPv6 address",
			[]Pod{changed(handler("a", "n1"), func(p *Pod) { p.IP = "2001:db8::7" })},
			[]Target{{Node: "n1", IP: "2001:db8::7", Port: 8443}},
		},
		{
			"at the usual port when the pod names none",
			[]Pod{changed(handler("a", "n1"), func(p *Pod) { p.Port = 0 })},
			[]Target{target("n1")},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := watcherOf(New(DefaultWarmups, time.Now))
			w.KubeVirt.Set("kubevirt", nil)
			for _, p := range test.pods {
				w.putPod(p)
			}
			if diff := cmp.Diff(test.want, w.KubeVirt.Targets()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestTargetsChangedIsSignalled(t *testing.T) {
	w := watcherOf(New(DefaultWarmups, time.Now))
	signalled := func() bool {
		select {
		case <-w.KubeVirt.TargetsChanged():
			return true
		default:
			return false
		}
	}
	for _, step := range []struct {
		what string
		do   func()
		want bool
	}{
		{"nothing", func() {}, false},
		{"KubeVirt's namespace becomes known", func() { w.KubeVirt.Set("kubevirt", nil) }, true},
		{"two virt-handlers appear", func() { w.putPod(handler("a", "n1")); w.putPod(handler("b", "n2")) }, true},
		{"nothing more", func() {}, false},
		{"a launcher pod appears", func() { w.putPod(launcher("v-pod", vmi("v"))) }, false},
		{"a launcher pod goes", func() { w.deletePod("ns", "v-pod") }, false},
		{"a virt-handler goes", func() { w.deletePod("kubevirt", "a") }, true},
	} {
		step.do()
		if got := signalled(); got != step.want {
			t.Errorf("%s: signalled is %v, want %v", step.what, got, step.want)
		}
	}
	if diff := cmp.Diff([]Target{{Node: "n2", IP: "192.0.2.7", Port: 8443}}, w.KubeVirt.Targets()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
