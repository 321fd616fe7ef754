package simulate

import (
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/guesthttp"
	"guest-metrics-server/pkg/hpa"
	"guest-metrics-server/pkg/inventory"
)

const (
	namespace         = "default"
	poolName          = "web"
	kubevirtNamespace = "kubevirt"
)

var poolLabels = map[string]string{"app": poolName}

// guest is a VMI with its launcher pods and what happens in it.
type guest struct {
	vmi  inventory.VMI
	pods []inventory.Pod // the newest is the last

	running, ready time.Duration // when the VMI becomes so
	burns          time.Duration // until when
	gone           time.Duration // when a VMI that is being deleted is, 0 for one that is not

	unread, zeros, paused, migrates time.Duration // until when
	dead                            bool          // its node is down

	vcpuSeconds, requests float64 // the counters: of each vCPU, and of the web server
	cache                 cache
}

// cache is the launcher's: its loop looks every renewal, and whoever reads it may
// renew it. See KubeVirt's tools/cache/time-defined-cache.go.
type cache struct {
	at          time.Duration // when it was renewed last
	vcpuSeconds float64
	phase       time.Duration // of the loop
}

const renewal = 3250 * time.Millisecond

// look renews the cache if it is older than renewal. Renewal takes a moment, so a
// look that comes exactly renewal later finds it young.
func (g *guest) look(at time.Duration) {
	if at-g.cache.at > renewal {
		g.cache.at, g.cache.vcpuSeconds = at, g.vcpuSeconds
	}
}

// works reports whether the guest takes its share of the demand.
func (g *guest) works(at time.Duration) bool {
	return g.vmi.Phase == "Running" && at >= g.ready && at >= g.paused && !g.dead && !g.vmi.Deleting
}

// pass lets a tick pass in which the guest is as busy as its share of the demand,
// 0-1, makes it.
func (g *guest) pass(at time.Duration, share, requestsWhenBusy float64) {
	if g.vmi.Phase != "Running" || at < g.paused || g.dead {
		return
	}
	busy := 0.0
	if g.works(at) {
		busy = share
		g.requests += share * requestsWhenBusy * tick.Seconds()
	}
	if at < g.burns {
		busy = 1
	}
	g.vcpuSeconds += busy * tick.Seconds()
	if (at-g.cache.phase)%renewal == 0 {
		g.look(at)
	}
}

// appendSeries appends the guest's series of a family of the node's response.
func (g *guest) appendSeries(response []byte, family string, perVCPU bool, vcpus int, value float64) []byte {
	for id := range vcpus {
		response = append(append(response, "kubevirt_vmi_"...), family...)
		response = append(response, '{')
		if perVCPU {
			response = append(strconv.AppendInt(append(response, `id="`...), int64(id), 10), `",`...)
		}
		response = append(append(append(response, `kubernetes_vmi_label_app="web",name="`...), g.vmi.Name...), `",namespace="default",node="`...)
		response = append(append(response, g.vmi.Node...), `"} `...)
		response = append(strconv.AppendFloat(response, value, 'f', 2, 64), '\n')
	}
	return response
}

// statusPage is nginx's, which counts the read of it.
func (g *guest) statusPage() string {
	g.requests++
	return fmt.Sprintf("Active connections: 1 \nserver accepts handled requests\n 1 1 %d \nReading: 0 Writing: 1 Waiting: 0 \n", int64(g.requests))
}

func (c *cluster) newVMI(vm string) *guest {
	g := &guest{running: c.at + c.between(5*time.Second, 10*time.Second)}
	g.ready = max(g.running, c.at+c.between(c.Guests.MinBoot, c.Guests.MaxBoot))
	g.burns = g.ready + c.Guests.Burn
	g.cache.phase = c.between(0, renewal)
	g.vmi = inventory.VMI{
		Meta:  inventory.Meta{Namespace: namespace, Name: vm, UID: c.uid("vmi"), Labels: poolLabels, Owner: inventory.Owner{Name: vm, UID: types.UID("vm-" + vm)}},
		Node:  c.anyNode(""),
		Phase: "Scheduling",
	}
	if c.Guests.Requests > 0 {
		g.vmi.ReadAnnotations(map[string]string{guesthttp.AnnotationPrefix + "port": "80", guesthttp.AnnotationPrefix + "format": "nginx"})
	}
	g.addPod(c, g.vmi.Node, "Pending")
	return g
}

// addPod adds a launcher pod on a node.
func (g *guest) addPod(c *cluster, node, phase string) {
	uid := c.uid("pod")
	g.pods = append(g.pods, inventory.Pod{
		Meta: inventory.Meta{Namespace: namespace, Name: "virt-launcher-" + string(uid), UID: uid, Labels: poolLabels, Owner: inventory.Owner{Name: g.vmi.Name, UID: g.vmi.UID}},
		Node: node, Phase: phase, IP: "192.0.2.1", Created: c.now(),
	})
}

// hpaPods appends the guest's pods as the HPA controller sees them.
func (g *guest) hpaPods(pods []hpa.Pod) []hpa.Pod {
	for i, p := range g.pods {
		ready := hpa.Ready{Status: hpa.False, Transition: g.vmi.ReadyTransition}
		if i == len(g.pods)-1 && g.vmi.Ready {
			ready.Status = hpa.True
		}
		pods = append(pods, hpa.Pod{Name: p.Name, Phase: hpa.Phase(p.Phase), Deleting: g.vmi.Deleting, Started: p.Created, Ready: ready})
	}
	return pods
}
