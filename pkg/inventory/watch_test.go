package inventory

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

// partialObject returns the metadata of an object that the pool owns, or of one
// without an owner.
func partialObject(name, uid, pool string) *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{
		TypeMeta:   partial,
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(uid), ResourceVersion: "5"},
	}
	if pool != "" {
		o.OwnerReferences = []metav1.OwnerReference{{Name: pool, UID: types.UID(pool), Controller: new(true)}}
	}
	return o
}

// run runs the watcher until the test has ended.
func run(t *testing.T, watcher *Watcher) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		watcher.Run(t.Context())
	}()
	t.Cleanup(func() { <-ended })
}

// eventually waits until the store says what is wanted, since it hears of
// changes from other goroutines.
func eventually(t *testing.T, what, want string, got func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for got() != want {
		select {
		case <-ctx.Done():
			t.Fatalf("%s, -want +got:\n%s", what, cmp.Diff(want, got()))
		case <-tick.C:
		}
	}
}

func TestAWatcherKeepsTheStoreInStep(t *testing.T) {
	api := startAPIServer(t)
	vmi := read[kubevirtv1.VirtualMachineInstance](t, "vmi.yaml")
	vmi.ResourceVersion = "5"
	launcher, handler := read[corev1.Pod](t, "launcher-pod.yaml"), read[corev1.Pod](t, "virt-handler-pod.yaml")
	bundle := &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "kubevirt", Name: "kubevirt-ca", ResourceVersion: "5"},
		Data:       map[string]string{"ca-bundle": "first"},
	}
	api.lists[vmisPath] = []runtime.Object{vmi}
	api.lists[podsPath] = []runtime.Object{launcher, handler}
	api.lists[poolsPath] = []runtime.Object{partialObject("web", "pool", "")}
	api.lists[vmsPath] = []runtime.Object{partialObject("web-0", string(vmi.OwnerReferences[0].UID), "pool")}
	api.lists[configMapsPath] = []runtime.Object{bundle}
	api.lists[kubevirtsPath] = []runtime.Object{kubeVirtIn("kubevirt", "")}

	known := New(DefaultWarmups, time.Now)
	watcher, err := NewWatcher(api.config(), known, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"KubeVirt's namespace", "configmap kubevirt-ca"}, watcher.Missing()); diff != "" {
		t.Errorf("missing before the start, -want +got:\n%s", diff)
	}
	run(t, watcher)
	bundleOf := func() string { return string(known.KubeVirt.CABundle()) }
	members := func() string {
		found, exists := known.Store.Members(Pools, "shop", "web")
		if !exists {
			return "no pool"
		}
		var out []string
		for _, m := range found {
			out = append(out, m.VMI.Name+" in "+podName(m)+" on "+m.VMI.Node)
		}
		return strings.Join(out, ", ")
	}

	eventually(t, "missing", "", func() string { return strings.Join(watcher.Missing(), ", ") })
	eventually(t, "bundle", "first", bundleOf)
	if diff := cmp.Diff("web-0 in virt-launcher-web-0-x7k2p on n1", members()); diff != "" {
		t.Errorf("members, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]Target{{Node: "n1", IP: "10.244.1.3", Port: 8443}}, known.KubeVirt.Targets()); diff != "" {
		t.Errorf("targets, -want +got:\n%s", diff)
	}
	for path, want := range map[string]string{
		podsPath:       "kubevirt.io in (virt-launcher,virt-handler)",
		configMapsPath: "metadata.name=kubevirt-ca",
	} {
		if got := api.selector(path); got != want {
			t.Errorf("asked %s with the selector %q, want %q", path, got, want)
		}
	}
	for path, want := range map[string]string{
		podsPath: "application/vnd.kubernetes.protobuf,application/json",
		vmisPath: "application/json",
	} {
		if got := api.accept(path); got != want {
			t.Errorf("asked %s for %q, want %q", path, got, want)
		}
	}

	renewed, moved := bundle.DeepCopy(), vmi.DeepCopy()
	renewed.Data["ca-bundle"], renewed.ResourceVersion = "second", "8"
	moved.Status.NodeName, moved.ResourceVersion = "n2", "8"
	api.changes[configMapsPath] <- change{"MODIFIED", renewed}
	eventually(t, "bundle after its renewal", "second", bundleOf)
	api.changes[vmisPath] <- change{"MODIFIED", moved}
	eventually(t, "members after a hand-over", "web-0 in  on n2", members)
	api.changes[vmisPath] <- change{"DELETED", moved}
	eventually(t, "members after a deletion", "", members)
	api.changes[podsPath] <- change{"DELETED", handler}
	eventually(t, "targets after a deletion", "[]", func() string { return fmt.Sprint(known.KubeVirt.Targets()) })
}

func TestAWatcherTellsWhatIsMissing(t *testing.T) {
	api := startAPIServer(t)
	delete(api.changes, poolsPath) // Not served.
	known := New(DefaultWarmups, time.Now)
	watcher, err := NewWatcher(api.config(), known, "kubevirt", nil)
	if err != nil {
		t.Fatal(err)
	}
	run(t, watcher)
	eventually(t, "missing", "virtualmachinepools", func() string { return strings.Join(watcher.Missing(), ", ") })
}

func TestAWatcherTellsWhatGuestsNeed(t *testing.T) {
	api := startAPIServer(t)
	vmi := read[kubevirtv1.VirtualMachineInstance](t, "vmi.yaml")
	vmi.ResourceVersion = "5"
	vmi.Annotations = map[string]string{"guestmetrics.io/http-port": "8008"}
	launcher := read[corev1.Pod](t, "launcher-pod.yaml")
	ca := &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "guest-metrics-ca", ResourceVersion: "5"},
		Data:       map[string]string{"ca.crt": "first"},
	}
	node := &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: "n1", ResourceVersion: "5"},
		Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeHostName, Address: "n1"}, {Type: corev1.NodeInternalIP, Address: "192.0.2.7"},
		}},
	}
	api.lists[vmisPath] = []runtime.Object{vmi}
	api.lists[podsPath] = []runtime.Object{launcher}
	api.lists[guestCAsPath] = []runtime.Object{ca}
	api.lists[nodesPath] = []runtime.Object{node}

	known := New(DefaultWarmups, time.Now)
	problems := make(chan string, 10)
	watcher, err := NewWatcher(api.config(), known, "kubevirt", func(v *VMI, p Problem) { problems <- v.Name + ": " + p.Annotation })
	if err != nil {
		t.Fatal(err)
	}
	run(t, watcher)
	guests := func() string {
		var out []string
		for _, g := range known.Store.Guests() {
			out = append(out, g.Namespace+"/"+g.Name+" "+g.Endpoint.URL(g.IP))
		}
		return strings.Join(out, ", ")
	}
	eventually(t, "missing", "", func() string { return strings.Join(watcher.Missing(), ", ") })
	if diff := cmp.Diff("shop/web-0 http://"+launcher.Status.PodIP+":8008/metrics", guests()); diff != "" {
		t.Errorf("guests, -want +got:\n%s", diff)
	}
	if !known.NodeAddresses.Contains(netip.MustParseAddr("192.0.2.7")) || known.NodeAddresses.Contains(netip.MustParseAddr("192.0.2.8")) {
		t.Error("192.0.2.7 is the node's address, 192.0.2.8 is not")
	}
	if got := string(known.GuestCAs.Of("shop")) + string(known.GuestCAs.Of("other")); got != "first" {
		t.Errorf("the authorities of two namespaces are %q, want first and none", got)
	}
	if got := api.selector(guestCAsPath); got != "metadata.name=guest-metrics-ca" {
		t.Errorf("asked for authorities with the selector %q", got)
	}

	// What it may not understand is reported when it appears, and not again.
	for i, annotations := range []map[string]string{
		{"guestmetrics.io/http-port": "70000"},
		{"guestmetrics.io/http-port": "70000", "unrelated": "change"},
		{"guestmetrics.io/http-port": "70000", "guestmetrics.io/warmup": "soon"},
		{"guestmetrics.io/http-port": "8009"},
	} {
		changed := vmi.DeepCopy()
		changed.Annotations, changed.ResourceVersion = annotations, fmt.Sprint(10+i)
		api.changes[vmisPath] <- change{"MODIFIED", changed}
	}
	eventually(t, "guests", "shop/web-0 http://"+launcher.Status.PodIP+":8009/metrics", guests)
	api.changes[guestCAsPath] <- change{"DELETED", ca}
	eventually(t, "authority after its deletion", "", func() string { return string(known.GuestCAs.Of("shop")) })
	api.changes[nodesPath] <- change{"DELETED", node}
	eventually(t, "node's address after its deletion", "false", func() string {
		return fmt.Sprint(known.NodeAddresses.Contains(netip.MustParseAddr("192.0.2.7")))
	})
	close(problems)
	var got []string
	for p := range problems {
		got = append(got, p)
	}
	if diff := cmp.Diff([]string{"web-0: guestmetrics.io/http-port", "web-0: guestmetrics.io/warmup"}, got); diff != "" {
		t.Errorf("problems, -want +got:\n%s", diff)
	}
}
