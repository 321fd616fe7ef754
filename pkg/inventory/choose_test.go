package inventory

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestChooseKubeVirt(t *testing.T) {
	running := kubeVirt{namespace: "kubevirt", phase: "Deployed", created: noon, virtHandlers: true, authority: true}
	changed := func(namespace string, change func(*kubeVirt)) kubeVirt {
		k := running
		k.namespace = namespace
		change(&k)
		return k
	}
	for _, test := range []struct {
		name string
		all  []kubeVirt
		want string
	}{
		{"none", nil, ""},
		{"the only one", []kubeVirt{running}, "kubevirt: there is no other one"},
		{"the only one, whatever its state", []kubeVirt{{namespace: "kubevirt"}}, "kubevirt: there is no other one"},
		{
			"the deployed one, not one that looks complete otherwise",
			[]kubeVirt{
				changed("aaa", func(k *kubeVirt) { k.phase, k.created = "", noon.Add(-time.Hour) }),
				changed("kubevirt", func(k *kubeVirt) { k.virtHandlers, k.authority = false, false }),
			},
			"kubevirt: no other one is deployed",
		},
		{
			"not one that is being installed or removed",
			[]kubeVirt{
				changed("aaa", func(k *kubeVirt) { k.phase = "Deploying" }),
				changed("bbb", func(k *kubeVirt) { k.phase = "Deleting" }),
				running,
			},
			"kubevirt: no other one is deployed",
		},
		{
			"none of several where none is deployed, whatever else they have",
			[]kubeVirt{
				changed("aaa", func(k *kubeVirt) { k.phase = "Deploying" }),
				changed("bbb", func(k *kubeVirt) { k.phase, k.virtHandlers, k.authority = "Deploying", false, false }),
			},
			"",
		},
		{
			"of deployed ones that with virt-handlers",
			[]kubeVirt{changed("aaa", func(k *kubeVirt) { k.virtHandlers, k.created = false, noon.Add(-time.Hour) }), running},
			"kubevirt: no virt-handler runs where other deployed ones are",
		},
		{
			"of deployed ones with virt-handlers that whose authority is read",
			[]kubeVirt{changed("aaa", func(k *kubeVirt) { k.authority, k.created = false, noon.Add(-time.Hour) }), running},
			"kubevirt: ConfigMap kubevirt-ca of other deployed ones is not read",
		},
		{
			"of equal ones the oldest",
			[]kubeVirt{changed("aaa", func(k *kubeVirt) { k.created = noon.Add(time.Second) }), running},
			"kubevirt: it is the oldest of those deployed",
		},
		{"of equally old ones the first by name", []kubeVirt{running, changed("zzz", func(*kubeVirt) {})}, "kubevirt: its name is the first of those deployed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if chosen, why := chooseKubeVirt(test.all); why != "" {
				got = chosen.namespace + ": " + why
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
