package web

import (
	"context"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubefake "k8s.io/client-go/kubernetes/fake"
	kubevirtv1 "kubevirt.io/api/core/v1"
	kubevirtfake "kubevirt.io/client-go/kubevirt/fake"
)

func TestGuestsHaveServersWhileTheirPodsRun(t *testing.T) {
	kube, client := kubefake.NewClientset(), kubevirtfake.NewSimpleClientset()
	vmis, pods := client.KubevirtV1().VirtualMachineInstances("default"), kube.CoreV1().Pods("default")
	for _, vmi := range []*kubevirtv1.VirtualMachineInstance{newVMI("web-1", "node01", true), newVMI("web-2", "node02", false)} {
		if _, err := vmis.Create(t.Context(), vmi, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	ips := map[string]string{}
	for _, pod := range []*corev1.Pod{
		newPod("source", "web-1", "node01", corev1.PodRunning),
		newPod("target", "web-1", "node02", corev1.PodRunning), // of a migration
		newPod("unready", "web-2", "node02", corev1.PodRunning),
		newPod("former", "web-2", "node01", corev1.PodSucceeded),
		newPod("other", "db-1", "node01", corev1.PodRunning),
	} {
		ips[pod.Name] = pod.Status.PodIP
		if _, err := pods.Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	load := NewLoad()
	guests := newGuests(kube, client, load, GuestsOptions{Namespace: "default", Selector: "app=web", Kind: Prometheus, Dir: t.TempDir()})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- guests.Run(ctx) }()

	awaitServing(t, ips, "source", "target", "unready")
	awaitCondition(t, "there are targets", func() bool { return len(load.Targets()) > 0 })
	if diff := cmp.Diff([]string{siteOf(ips["source"])}, load.Targets()); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	want := []Guest{
		{VMI: "web-1", Pod: "source", Node: "node01", Site: siteOf(ips["source"]), Ready: true},
		{VMI: "web-1", Pod: "target", Node: "node02", Site: siteOf(ips["target"])},
		{VMI: "web-2", Pod: "unready", Node: "node02", Site: siteOf(ips["unready"])},
	}
	if diff := cmp.Diff(want, guests.List(), cmpopts.IgnoreUnexported(Guest{}), cmpopts.IgnoreFields(Guest{}, "Dir")); diff != "" {
		t.Errorf("guests (-want +got):\n%s", diff)
	}

	if err := pods.Delete(t.Context(), "source", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	awaitServing(t, ips, "target", "unready")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	awaitServing(t, ips)
}

// awaitServing waits until the pods of these names have web servers, and no other.
func awaitServing(t *testing.T, ips map[string]string, names ...string) {
	t.Helper()
	want := map[string]bool{}
	for _, name := range names {
		want[name] = true
	}
	for name, ip := range ips {
		awaitCondition(t, name+" is as it should be", func() bool {
			return serves(siteOf(ip)) == want[name] && serves(net.JoinHostPort(ip, StatusPort)) == want[name]
		})
	}
}

func newVMI(name, node string, ready bool) *kubevirtv1.VirtualMachineInstance {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	vmi := &kubevirtv1.VirtualMachineInstance{ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: "default", UID: types.UID("uid-of-" + name), Labels: map[string]string{"app": "web"},
	}}
	vmi.Status.NodeName = node
	vmi.Status.Conditions = []kubevirtv1.VirtualMachineInstanceCondition{{Type: kubevirtv1.VirtualMachineInstanceReady, Status: status}}
	return vmi
}

func newPod(name, vmi, node string, phase corev1.PodPhase) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID("uid-of-" + name), Labels: map[string]string{
			kubevirtv1.AppLabel: "virt-launcher", kubevirtv1.CreatedByLabel: "uid-of-" + vmi,
		}},
		Spec:   corev1.PodSpec{NodeName: node},
		Status: corev1.PodStatus{Phase: phase, PodIP: testIP()},
	}
}
