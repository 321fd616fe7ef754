package inventory

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"
)

func TestMembers(t *testing.T) {
	w := newWorld()
	w.PutObject(Pools, Object{metaOf("pool", "web")})
	w.PutObject(Pools, Object{metaOf("pool", "empty")})
	w.PutObject(ReplicaSets, Object{metaOf("replicaset", "db")})
	for _, name := range []string{"web-1", "web-0"} {
		w.PutObject(VMs, Object{owned(metaOf("vm", name), "pool", "web")})
		v := vmi(name)
		v.Meta = owned(v.Meta, "vm", name)
		w.start(v)
	}
	w.PutObject(VMs, Object{owned(metaOf("vm", "web-2"), "pool", "web")}) // Stopped: without a VMI.
	w.PutObject(VMs, Object{metaOf("vm", "single")})
	replica, single := vmi("db-1"), vmi("single")
	replica.Meta = owned(replica.Meta, "replicaset", "db")
	single.Meta = owned(single.Meta, "vm", "single")
	w.start(replica)
	w.start(single)
	w.start(vmi("lone"))
	// Objects of another namespace that claim an owner here: UIDs are no secret,
	// and the API server does not check owner references.
	for kind, owner := range map[string]string{"pool": "web", "replicaset": "db", "vm": "single"} {
		v := vmi("other-of-" + kind)
		v.Meta = owned(v.Meta, kind, owner)
		v.Namespace = "elsewhere"
		w.start(v)
	}
	other := owned(metaOf("vm", "other"), "pool", "web")
	other.Namespace = "elsewhere"
	w.PutObject(VMs, Object{other})
	v := vmi("other")
	v.Meta = owned(v.Meta, "vm", "other")
	v.Namespace = "elsewhere"
	w.start(v)

	for _, test := range []struct {
		name      string
		kind      Kind
		namespace string
		object    string
		want      string
	}{
		{"a pool has the VMIs of its VMs, in order, those of stopped VMs left out", Pools, "ns", "web", "web-0 web-1"},
		{"a pool without VMs", Pools, "ns", "empty", "none"},
		{"a replica set owns its VMIs itself", ReplicaSets, "ns", "db", "db-1"},
		{"a VM has one VMI", VMs, "ns", "single", "single"},
		{"a stopped VM has none", VMs, "ns", "web-2", "none"},
		{"a VMI is its own member", VMIs, "ns", "lone", "lone"},
		{"an active launcher pod has its VMI", Pods, "ns", "lone-pod", "lone"},
		{"a pool of another name", Pools, "ns", "other", "no such object"},
		{"a replica set is no pool", Pools, "ns", "db", "no such object"},
		{"a pool in another namespace", Pools, "elsewhere", "web", "no such object"},
		{"a VM in another namespace", VMs, "elsewhere", "single", "no such object"},
		{"a VMI of another name", VMIs, "ns", "other", "no such object"},
		{"a pod of another name", Pods, "ns", "other", "no such object"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, w.names(test.kind, test.namespace, test.object)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestTheActivePod(t *testing.T) {
	v := vmi("a")
	pod := func(name string, change func(*Pod)) Pod {
		p := launcher(name, v)
		change(&p)
		return p
	}
	on := func(node, phase string, age time.Duration) func(*Pod) {
		return func(p *Pod) { p.Node, p.Phase, p.Created = node, phase, noon.Add(-age) }
	}
	for _, test := range []struct {
		name string
		pods []Pod
		want string // "" for none.
	}{
		{"the only one", []Pod{pod("p", on("n1", "Running", 0))}, "p"},
		{
			"a finished pod of an earlier migration is not, though it is on the node and newer",
			[]Pod{pod("running", on("n1", "Running", time.Hour)), pod("left", on("n1", "Succeeded", time.Minute))},
			"running",
		},
		{
			"the target of a migration is not, before the hand-over",
			[]Pod{pod("source", on("n1", "Running", time.Hour)), pod("target", on("n2", "Running", 0))},
			"source",
		},
		{
			"the newest of two on the node",
			[]Pod{pod("old", on("n1", "Running", time.Hour)), pod("new", on("n1", "Running", time.Minute)), pod("older", on("n1", "Running", 2*time.Hour))},
			"new",
		},
		{"a pod that starts is not", []Pod{pod("p", on("n1", "Pending", 0))}, ""},
		{"a pod of another VMI of the name is not", []Pod{pod("p", func(p *Pod) { p.Owner.UID = "before" })}, ""},
		{"a pod in another namespace is not, whatever it claims", []Pod{pod("p", func(p *Pod) { p.Namespace = "elsewhere" })}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			w.PutVMI(v)
			for _, p := range test.pods {
				w.PutPod(p)
			}
			members, _ := w.Members(VMIs, "ns", "a")
			if got := podName(members[0]); got != test.want {
				t.Errorf("the active pod is %q, want %q", got, test.want)
			}
			if got := strings.Join(w.selected(Pods, "ns", labels.Everything()), " "); got != test.want {
				t.Errorf("selected among pods is %q, want %q", got, test.want)
			}
			for _, p := range test.pods {
				want := "none"
				if p.Name == test.want {
					want = "a"
				}
				if got := w.names(Pods, p.Namespace, p.Name); got != want {
					t.Errorf("members of pod %s: %s, want %s", p.Name, got, want)
				}
			}
		})
	}
}

func TestAMigrationsHandOverMovesTheActivePod(t *testing.T) {
	w := newWorld()
	v := vmi("a")
	w.PutVMI(v)
	w.PutPod(launcher("source", v))
	v.Node = "n2"
	w.PutPod(launcher("target", v))
	if got := w.selected(Pods, "ns", labels.Everything()); !cmp.Equal(got, []string{"source"}) {
		t.Errorf("before the hand-over the active pods are %v", got)
	}
	w.PutVMI(v)
	if got := w.selected(Pods, "ns", labels.Everything()); !cmp.Equal(got, []string{"target"}) {
		t.Errorf("after the hand-over the active pods are %v", got)
	}
}

func TestSelectByLabels(t *testing.T) {
	w := newWorld()
	for _, name := range []string{"c", "a", "b"} {
		w.start(vmi(name))
		w.PutObject(Pools, Object{metaOf("pool", name)})
	}
	for _, test := range []struct {
		kind      Kind
		namespace string
		selector  string
		want      []string
	}{
		{VMIs, "ns", "", []string{"a", "b", "c"}},
		{VMIs, "ns", "name in (b,c)", []string{"b", "c"}},
		{VMIs, "ns", "name=d", nil},
		{VMIs, "elsewhere", "", nil},
		{Pods, "ns", "name!=a-pod", []string{"b-pod", "c-pod"}},
		{Pools, "ns", "name notin (b)", []string{"a", "c"}},
		{ReplicaSets, "ns", "", nil},
	} {
		selector, err := labels.Parse(test.selector)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, w.selected(test.kind, test.namespace, selector)); diff != "" {
			t.Errorf("%s in %s that match %q, -want +got:\n%s", test.kind.Resource, test.namespace, test.selector, diff)
		}
	}
}

func TestANameThatIsUsedAgainIsAnotherVMI(t *testing.T) {
	w := newWorld()
	w.PutObject(ReplicaSets, Object{metaOf("replicaset", "old")})
	w.PutObject(ReplicaSets, Object{metaOf("replicaset", "new")})
	v := vmi("a")
	v.Meta = owned(v.Meta, "replicaset", "old")
	w.start(v)

	again := vmi("a")
	again.Meta = owned(again.Meta, "replicaset", "new")
	again.UID = "another"
	again.RunningSince, again.ReadyTransition = noon, noon
	w.PutVMI(again) // Neither the deletion nor the new pod has arrived yet.

	for object, want := range map[string]string{"old": "none", "new": "a"} {
		if got := w.names(ReplicaSets, "ns", object); got != want {
			t.Errorf("members of %s: %s, want %s", object, got, want)
		}
	}
	if got := w.names(Pods, "ns", "a-pod"); got != "none" {
		t.Errorf("the old pod's members are %s, want none", got)
	}
	w.PutPod(launcher("a-pod-2", again))
	if got, want := w.whetherCounts("a"), "warming up for another 1m0s"; got != want {
		t.Errorf("the new VMI %s, want %s", got, want)
	}
	if n := len(w.warmups.of); n != 1 {
		t.Errorf("the readiness of %d VMIs is remembered, want 1", n)
	}
	w.DeleteVMI("ns", "a")
	if n := len(w.warmups.of); n != 0 {
		t.Errorf("the readiness of %d VMIs is remembered after the deletion, want none", n)
	}
}

func TestWhatIsDeletedIsForgotten(t *testing.T) {
	w := newWorld()
	w.PutObject(Pools, Object{metaOf("pool", "web")})
	w.PutObject(VMs, Object{owned(metaOf("vm", "web-0"), "pool", "web")})
	v := vmi("web-0")
	v.Meta = owned(v.Meta, "vm", "web-0")
	w.start(v)

	w.DeletePod("ns", "web-0-pod")
	if got, want := w.whetherCounts("web-0"), `no running launcher pod on node "n1"`; got != want {
		t.Errorf("without its pod the VMI %s, want %s", got, want)
	}
	w.DeleteVMI("ns", "web-0")
	if got := w.names(Pools, "ns", "web"); got != "none" {
		t.Errorf("without its VMI the pool has %s", got)
	}
	w.DeleteObject(Pools, "ns", "web")
	if got := w.names(Pools, "ns", "web"); got != "no such object" {
		t.Errorf("the deleted pool has %s", got)
	}
	if n := len(slices.Collect(w.All())); n != 0 {
		t.Errorf("%d VMIs are left", n)
	}
}

func TestWhatCounts(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*VMI)
		want   string
	}{
		{"runs and has long been Ready", func(*VMI) {}, "counts"},
		{"is being deleted", func(v *VMI) { v.Deleting = true; v.Paused = true }, "being deleted"},
		{"does not run yet", func(v *VMI) { v.Phase = "Scheduling" }, "in phase Scheduling, not Running"},
		{"is paused", func(v *VMI) { v.Paused = true }, "Paused"},
		{"has no pod on its node", func(v *VMI) { v.Node = "n2" }, `no running launcher pod on node "n2"`},
		{"was never Ready", func(v *VMI) { v.Ready = false }, "not Ready yet"},
		{"has just become Ready", func(v *VMI) { v.RunningSince, v.ReadyTransition = noon.Add(-30*time.Second), noon.Add(-20*time.Second) }, "warming up for another 40s"},
		{
			"has just become Ready, and may have been before", func(v *VMI) { v.ReadyTransition = noon.Add(-20 * time.Second) },
			"Ready again for less than its warm-up, and what was before this server started is not known: counts in 40s at the latest",
		},
		{"asks for a longer warm-up", func(v *VMI) { v.Warmup = new(2 * time.Hour) }, "warming up for another 1h0m0s"},
		{"asks for no warm-up", func(v *VMI) { v.Warmup = new(time.Duration(0)); v.ReadyTransition = noon }, "counts"},
	} {
		t.Run("a VMI that "+test.name, func(t *testing.T) {
			w := newWorld()
			w.PutPod(launcher("p", vmi("a")))
			v := vmi("a")
			test.change(&v)
			w.PutVMI(v)
			if diff := cmp.Diff(test.want, w.whetherCounts("a")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// podName returns the name of a member's active launcher pod, "" without one.
func podName(m Member) string {
	if m.Pod == nil {
		return ""
	}
	return m.Pod.Name
}
