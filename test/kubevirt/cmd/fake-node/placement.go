package main

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// placement decides which node a launcher pod runs on, and remembers it: the
// informer's cache does not yet know the decisions of a moment ago.
type placement struct {
	nodes  []string
	placed map[types.UID]place
}

type place struct{ guest, group, node string }

func newPlacement(nodes []node) *placement {
	p := &placement{placed: map[types.UID]place{}}
	for _, n := range nodes {
		p.nodes = append(p.nodes, n.name)
	}
	return p
}

// choose returns the node that has the fewest pods of the pod's group, and among
// those the fewest pods, so that each pool is spread over the nodes. The target
// of a migration goes where no other pod of its guest is, which KubeVirt asks for
// by an anti-affinity; there may be no such node.
func (p *placement) choose(guest string, pod *corev1.Pod) (node string, ok bool) {
	nodes := p.nodes
	if isMigrationTarget(pod) {
		nodes = slices.DeleteFunc(slices.Clone(nodes), func(node string) bool { return p.has(guest, node) })
	}
	if len(nodes) == 0 {
		return "", false
	}
	group := groupOf(pod)
	inGroup, inAll := map[string]int{}, map[string]int{}
	for _, place := range p.placed {
		inAll[place.node]++
		if place.group == group {
			inGroup[place.node]++
		}
	}
	return slices.MinFunc(nodes, func(a, b string) int {
		if d := inGroup[a] - inGroup[b]; d != 0 {
			return d
		}
		return inAll[a] - inAll[b]
	}), true
}

// has tells whether a pod of the guest is on the node.
func (p *placement) has(guest, node string) bool {
	for _, place := range p.placed {
		if place.guest == guest && place.node == node {
			return true
		}
	}
	return false
}

// remember records where a pod of a guest is.
func (p *placement) remember(guest string, pod *corev1.Pod, node string) {
	p.placed[pod.UID] = place{guest, groupOf(pod), node}
}

// forget drops a pod that uses its node no more.
func (p *placement) forget(pod types.UID) {
	delete(p.placed, pod)
}

// forgetGone drops what is remembered of a guest's pods other than those given.
func (p *placement) forgetGone(guest string, pods []any) {
	maps.DeleteFunc(p.placed, func(uid types.UID, place place) bool {
		return place.guest == guest && !slices.ContainsFunc(pods, func(obj any) bool {
			return obj.(*corev1.Pod).UID == uid
		})
	})
}

// groupOf returns what the pods of a pool or replica set have in common: the
// labels that their template gives them, without those that KubeVirt adds.
func groupOf(pod *corev1.Pod) string {
	common := labels.Set{}
	for key, value := range pod.Labels {
		if domain, _, _ := strings.Cut(key, "/"); !strings.HasSuffix(domain, "kubevirt.io") {
			common[key] = value
		}
	}
	return pod.Namespace + "/" + common.String()
}
