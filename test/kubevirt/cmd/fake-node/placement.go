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
// those the fewest pods, so that each pool is spread over the nodes.
func (p *placement) choose(pod *corev1.Pod) string {
	group := groupOf(pod)
	inGroup, inAll := map[string]int{}, map[string]int{}
	for _, place := range p.placed {
		inAll[place.node]++
		if place.group == group {
			inGroup[place.node]++
		}
	}
	return slices.MinFunc(p.nodes, func(a, b string) int {
		if d := inGroup[a] - inGroup[b]; d != 0 {
			return d
		}
		return inAll[a] - inAll[b]
	})
}

// remember records where a pod of a guest is.
func (p *placement) remember(guest string, pod *corev1.Pod, node string) {
	p.placed[pod.UID] = place{guest, groupOf(pod), node}
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
