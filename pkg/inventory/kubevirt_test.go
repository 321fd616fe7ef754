package inventory

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

func kubeVirtIn(namespace, phase string) *kubevirtv1.KubeVirt {
	return &kubevirtv1.KubeVirt{
		TypeMeta:   metav1.TypeMeta{APIVersion: "kubevirt.io/v1", Kind: "KubeVirt"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "kubevirt", ResourceVersion: "5"},
		Status:     kubevirtv1.KubeVirtStatus{Phase: kubevirtv1.KubeVirtPhase(phase)},
	}
}

func virtHandlerIn(t *testing.T, namespace, ip string) *corev1.Pod {
	t.Helper()
	p := read[corev1.Pod](t, "virt-handler-pod.yaml")
	p.Namespace, p.Status.PodIP, p.ResourceVersion = namespace, ip, "5"
	return p
}

func authorityIn(namespace, pem string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "kubevirt-ca", ResourceVersion: "5"},
		Data:       map[string]string{"ca-bundle": pem},
	}
}

// followed renders what is known of KubeVirt.
func followed(k *KubeVirt) string {
	var targets []string
	for _, target := range k.Targets() {
		targets = append(targets, target.IP)
	}
	return fmt.Sprintf("namespace %q, authority %q, targets %s", k.Namespace(), k.CABundle(), targets)
}

// A step of a story about KubeVirt objects.
type kubeVirtStep struct {
	what   string
	path   string
	kind   string // ADDED, MODIFIED or DELETED.
	object runtime.Object
	want   string
}

func TestAWatcherFollowsKubeVirt(t *testing.T) {
	const (
		right = `namespace "kubevirt", authority "right", targets [192.0.2.1]`
		other = `namespace "aaa", authority "other", targets [192.0.2.2]`
		none  = `namespace "", authority "", targets []`
	)
	rightParts := func(t *testing.T, api *apiServer) {
		api.lists[kubevirtsPath] = append(api.lists[kubevirtsPath], kubeVirtIn("kubevirt", "Deployed"))
		api.lists[podsPath] = append(api.lists[podsPath], virtHandlerIn(t, "kubevirt", "192.0.2.1"))
		api.lists[configMapsPath] = []runtime.Object{authorityIn("kubevirt", "right")}
	}
	otherParts := func(t *testing.T, api *apiServer) {
		api.lists[podsPath] = append(api.lists[podsPath], virtHandlerIn(t, "aaa", "192.0.2.2"))
		api.changes[otherConfigMapsPath] = make(chan change)
		api.lists[otherConfigMapsPath] = []runtime.Object{authorityIn("aaa", "other")}
	}
	for _, test := range []struct {
		name  string
		flag  string // --kubevirt-namespace.
		setUp func(*testing.T, *apiServer)
		want  string
		steps []kubeVirtStep
	}{
		{
			name: "an object without anything, in a namespace that sorts before the right one",
			setUp: func(t *testing.T, api *apiServer) {
				api.lists[kubevirtsPath] = []runtime.Object{kubeVirtIn("aaa", "")}
				rightParts(t, api)
			},
			want: right,
		},
		{
			name: "a tenant's object with pods and an authority that look right",
			setUp: func(t *testing.T, api *apiServer) {
				api.lists[kubevirtsPath] = []runtime.Object{kubeVirtIn("aaa", "")}
				otherParts(t, api)
				rightParts(t, api)
			},
			want: right,
		},
		{
			name: "the right one appears later",
			setUp: func(t *testing.T, api *apiServer) {
				rightParts(t, api)
				otherParts(t, api)
				api.lists[kubevirtsPath] = []runtime.Object{kubeVirtIn("aaa", "")}
			},
			want: other, // It is the only one.
			steps: []kubeVirtStep{
				{"it is being installed", kubevirtsPath, "ADDED", kubeVirtIn("kubevirt", "Deploying"), none},
				{"it is deployed", kubevirtsPath, "MODIFIED", kubeVirtIn("kubevirt", "Deployed"), right},
			},
		},
		{
			name: "KubeVirt moves",
			setUp: func(t *testing.T, api *apiServer) {
				rightParts(t, api)
				otherParts(t, api)
			},
			want: right,
			steps: []kubeVirtStep{
				{"it is removed", kubevirtsPath, "DELETED", kubeVirtIn("kubevirt", "Deleted"), none},
				{"it is installed elsewhere", kubevirtsPath, "ADDED", kubeVirtIn("aaa", "Deployed"), other},
				{"its authority is renewed", otherConfigMapsPath, "MODIFIED", authorityIn("aaa", "renewed"),
					`namespace "aaa", authority "renewed", targets [192.0.2.2]`},
				{"its authority is removed", otherConfigMapsPath, "DELETED", authorityIn("aaa", "renewed"),
					`namespace "aaa", authority "", targets [192.0.2.2]`},
			},
		},
		{
			name: "its parts appear one after the other beside what is left of another one",
			setUp: func(_ *testing.T, api *apiServer) {
				api.lists[kubevirtsPath] = []runtime.Object{kubeVirtIn("aaa", "Deployed"), kubeVirtIn("kubevirt", "Deployed")}
			},
			want: `namespace "aaa", authority "", targets []`,
			steps: []kubeVirtStep{
				{"authority", configMapsPath, "ADDED", authorityIn("kubevirt", "right"), `namespace "kubevirt", authority "right", targets []`},
				{"virt-handler", podsPath, "ADDED", virtHandlerIn(t, "kubevirt", "192.0.2.1"), right},
			},
		},
		{
			name: "a virt-handler decides before an authority",
			setUp: func(t *testing.T, api *apiServer) {
				api.lists[kubevirtsPath] = []runtime.Object{kubeVirtIn("aaa", "Deployed"), kubeVirtIn("kubevirt", "Deployed")}
				otherParts(t, api)
				api.lists[podsPath] = []runtime.Object{virtHandlerIn(t, "kubevirt", "192.0.2.1")}
			},
			want: `namespace "kubevirt", authority "", targets [192.0.2.1]`,
			steps: []kubeVirtStep{
				{"authority", configMapsPath, "ADDED", authorityIn("kubevirt", "right"), right},
			},
		},
		{
			name: "the operator names it",
			flag: "kubevirt",
			setUp: func(t *testing.T, api *apiServer) {
				rightParts(t, api)
				otherParts(t, api)
				api.lists[kubevirtsPath] = []runtime.Object{kubeVirtIn("aaa", "Deployed")}
			},
			want: right,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := startAPIServer(t)
			test.setUp(t, api)
			known := New(DefaultWarmups, time.Now)
			watcher, err := NewWatcher(api.config(), known, test.flag, nil)
			if err != nil {
				t.Fatal(err)
			}
			run(t, watcher)
			eventually(t, "at first", test.want, func() string { return followed(known.KubeVirt) })
			if test.want == right {
				eventually(t, "missing", "", func() string { return strings.Join(watcher.Missing(), ", ") })
			}
			for _, step := range test.steps {
				api.changes[step.path] <- change{step.kind, step.object}
				eventually(t, step.what, step.want, func() string { return followed(known.KubeVirt) })
			}
			if asked := api.accept(kubevirtsPath) != ""; asked != (test.flag == "") {
				t.Errorf("asked for KubeVirt objects: %v, with --kubevirt-namespace=%s", asked, test.flag)
			}
		})
	}
}
