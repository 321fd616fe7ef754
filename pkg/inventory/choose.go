package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// deployed is the phase that virt-operator gives a KubeVirt object once all of
// KubeVirt runs. It stays through updates.
const deployed = "Deployed"

// kubeVirt is a namespace with a KubeVirt object, and what else there says
// whether KubeVirt runs in it.
type kubeVirt struct {
	namespace    string
	phase        string
	created      time.Time
	virtHandlers bool // A virt-handler pod runs there.
	authority    bool // ConfigMap kubevirt-ca is there and can be read.
}

// criteria say which of two KubeVirts is preferred, the first criterion before all
// others. Each compares as cmp.Compare does, where the preferred one is greater.
var criteria = []struct {
	why     string
	compare func(a, b kubeVirt) int
}{
	{"no other one is deployed", func(a, b kubeVirt) int { return compareBool(a.phase == deployed, b.phase == deployed) }},
	{"no virt-handler runs where other deployed ones are", func(a, b kubeVirt) int { return compareBool(a.virtHandlers, b.virtHandlers) }},
	{"ConfigMap " + caConfigMap + " of other deployed ones is not read", func(a, b kubeVirt) int { return compareBool(a.authority, b.authority) }},
	{"it is the oldest of those deployed", func(a, b kubeVirt) int { return b.created.Compare(a.created) }},
	{"its name is the first of those deployed", func(a, b kubeVirt) int { return cmp.Compare(b.namespace, a.namespace) }},
}

// chooseKubeVirt returns the KubeVirt that the cluster's VMIs belong to, and why;
// no reason if that cannot be said. No two of those given share a namespace.
//
// The phase decides before all else, since a tenant cannot forge it: it is in the
// status, which takes a right of its own to write, and virt-operator gives it to
// the KubeVirt in its own namespace only. A tenant who may create KubeVirt objects
// can create pods with virt-handler's labels and a ConfigMap kubevirt-ca as well,
// and let this server read it. These therefore decide between deployed KubeVirts
// only. Where several objects exist and none is deployed, there is nothing that a
// tenant could not forge; virt-operator refuses to install then.
func chooseKubeVirt(all []kubeVirt) (chosen kubeVirt, why string) {
	if len(all) == 0 {
		return kubeVirt{}, ""
	}
	preferred := slices.SortedFunc(slices.Values(all), func(a, b kubeVirt) int {
		for _, c := range criteria {
			if order := c.compare(b, a); order != 0 {
				return order
			}
		}
		return 0
	})
	chosen = preferred[0]
	switch {
	case len(all) == 1:
		return chosen, "there is no other one"
	case chosen.phase != deployed:
		return kubeVirt{}, ""
	}
	for _, c := range criteria {
		if c.compare(chosen, preferred[1]) != 0 {
			return chosen, c.why
		}
	}
	return chosen, "" // Two of one namespace.
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// String describes a KubeVirt by what chooseKubeVirt looks at.
func (k kubeVirt) String() string {
	text := fmt.Sprintf("%s (phase %s, ", k.namespace, cmp.Or(k.phase, "not set"))
	if k.virtHandlers {
		text += "virt-handlers run, "
	} else {
		text += "no virt-handler runs, "
	}
	if k.authority {
		return text + "ConfigMap " + caConfigMap + " is read)"
	}
	return text + "ConfigMap " + caConfigMap + " is not read)"
}

// maxDescribed bounds a line of the log: tenants may have made many objects.
const maxDescribed = 5

func describe(all []kubeVirt) string {
	var texts []string
	for _, k := range all[:min(len(all), maxDescribed)] {
		texts = append(texts, k.String())
	}
	if more := len(all) - maxDescribed; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, ", ")
}
