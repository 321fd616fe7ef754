package main

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func launcherPod(number int, app string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "default",
		UID:       types.UID(fmt.Sprint("pod-", number)),
		Labels: map[string]string{
			"app":                  app,
			"kubevirt.io":          "virt-launcher",
			"vm.kubevirt.io/name":  fmt.Sprint(app, "-", number),
			"kubevirt.io/nodeName": fmt.Sprint("node of ", number),
		},
	}}
}

func TestPlacementSpreadsEachPool(t *testing.T) {
	p := newPlacement([]node{{name: "node01"}, {name: "node02"}})
	count := map[string]map[string]int{"web": {}, "db": {}}
	for number, app := range []string{"web", "db", "web", "db", "web", "web"} {
		pod := launcherPod(number, app)
		node, _ := p.choose(fmt.Sprint(app, number), pod)
		p.remember(fmt.Sprint(app, number), pod, node)
		count[app][node]++
	}
	for app, want := range map[string]int{"web": 2, "db": 1} {
		for _, node := range p.nodes {
			if count[app][node] != want {
				t.Errorf("%s has %d pods of %s, want %d", node, count[app][node], app, want)
			}
		}
	}
}

func TestPlacementForgetsPodsThatAreGone(t *testing.T) {
	p := newPlacement([]node{{name: "node01"}, {name: "node02"}})
	gone, other := launcherPod(1, "web"), launcherPod(2, "web")
	p.remember("default/web-1", gone, "node01")
	p.remember("default/web-2", other, "node02")
	p.forgetGone("default/web-1", nil)
	if got, _ := p.choose("default/web-3", launcherPod(3, "web")); got != "node01" {
		t.Errorf("the next pod is placed on %s, want node01, whose pod is gone", got)
	}
}

func TestPlacementTakesAMigrationElsewhere(t *testing.T) {
	p := newPlacement([]node{{name: "node01"}, {name: "node02"}})
	source, target := launcherPod(1, "web"), launcherPod(2, "web")
	target.Labels["kubevirt.io/migrationJobUID"] = "job"
	p.remember("default/web-1", source, "node02")
	p.remember("default/web-2", launcherPod(3, "web"), "node01")
	p.remember("default/web-3", launcherPod(4, "web"), "node01")
	if got, _ := p.choose("default/web-1", target); got != "node01" {
		t.Errorf("the target is placed on %s, want node01: the source is on node02", got)
	}
	p.remember("default/web-1", target, "node01")
	if got, ok := p.choose("default/web-1", target); ok {
		t.Errorf("the next target is placed on %s, where its guest is already", got)
	}
	p.forget(source.UID)
	if got, _ := p.choose("default/web-1", target); got != "node02" {
		t.Errorf("a target is placed on %q, want node02, where the former source has finished", got)
	}
}

func TestPodIsReadyWithItsGuestAndItsGates(t *testing.T) {
	const gate corev1.PodConditionType = "kubevirt.io/virtual-machine-unpaused"
	tests := map[string]struct {
		guestReady bool
		gate       corev1.ConditionStatus
		want       corev1.ConditionStatus
		wantReason string
	}{
		"both":               {true, corev1.ConditionTrue, corev1.ConditionTrue, ""},
		"the guest's fails":  {false, corev1.ConditionTrue, corev1.ConditionFalse, "ContainersNotReady"},
		"the gate is closed": {true, corev1.ConditionFalse, corev1.ConditionFalse, "ReadinessGatesNotReady"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{
				Spec: corev1.PodSpec{ReadinessGates: []corev1.PodReadinessGate{{ConditionType: gate}}},
				Status: corev1.PodStatus{
					Conditions:        []corev1.PodCondition{{Type: gate, Status: test.gate}},
					ContainerStatuses: []corev1.ContainerStatus{{Name: "compute"}, {Name: "guest-console-log", Ready: true}},
				},
			}
			setReady(pod, test.guestReady)
			if got := conditionOf(pod, corev1.PodReady); got != test.want {
				t.Errorf("Ready is %s, want %s", got, test.want)
			}
			for _, condition := range pod.Status.Conditions {
				if condition.Type == corev1.PodReady && condition.Reason != test.wantReason {
					t.Errorf("its reason is %q, want %q", condition.Reason, test.wantReason)
				}
			}
			if got := pod.Status.ContainerStatuses[0].Ready; got != test.guestReady {
				t.Errorf("the compute container is ready: %v, want %v", got, test.guestReady)
			}
		})
	}
}
