package simulate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/inventory"
)

// tick is the step of the virtual clock: the renewal of the launcher's cache and
// the usual scrape intervals are multiples of it.
const tick = 250 * time.Millisecond

// epoch is when a simulation begins.
var epoch = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// cluster is the pool, its nodes and its server, at a moment.
type cluster struct {
	Config
	random *rand.Rand
	at     time.Duration
	uids   int
	vms    int
	guests []*guest // in the order of their creation
	nodes  []*node
	server *server
	text   []byte // of the last response, to be used again
	events []string
}

type node struct {
	name         string
	phase        time.Duration // of scrapes
	unread, down time.Duration // until when
}

func newCluster(config Config) *cluster {
	c := &cluster{Config: config, random: rand.New(rand.NewPCG(config.Seed, 0))}
	for i := range c.Nodes {
		c.nodes = append(c.nodes, &node{name: "n" + strconv.Itoa(i), phase: c.between(0, c.Server.ScrapeInterval)})
	}
	for range c.HPA.Replicas {
		c.addVM()
	}
	for _, g := range c.guests { // As they would be after an hour.
		g.vmi.Phase, g.pods[0].Phase, g.vmi.Ready = "Running", "Running", true
		g.running, g.ready, g.burns, g.vcpuSeconds = -time.Hour, -time.Hour, -time.Hour, 100
		g.vmi.RunningSince, g.vmi.ReadyTransition = epoch.Add(-time.Hour), epoch.Add(-time.Hour)
	}
	c.startServer()
	return c
}

func (c *cluster) now() time.Time { return epoch.Add(c.at) }

// between draws a time in whole ticks, from (with) to (without).
func (c *cluster) between(from, to time.Duration) time.Duration {
	return from.Truncate(tick) + time.Duration(c.random.Float64()*float64((to-from)/tick))*tick
}

func (c *cluster) uid(of string) types.UID {
	c.uids++
	return types.UID(of + "-" + strconv.Itoa(c.uids))
}

// anyNode returns a node that is up, other than the one named if there is one.
func (c *cluster) anyNode(other string) string {
	var names []string
	for _, n := range c.nodes {
		if n.name != other && c.at >= n.down {
			names = append(names, n.name)
		}
	}
	if len(names) == 0 {
		return c.nodes[0].name
	}
	return names[c.random.IntN(len(names))]
}

func (c *cluster) note(format string, args ...any) {
	c.events = append(c.events, fmt.Sprintf(format, args...))
}

// startServer starts a server that learns of everything from the API.
func (c *cluster) startServer() {
	c.server = newServer(c.Server, c.now)
	for _, n := range c.nodes {
		c.server.kubevirt.PutPod(inventory.Pod{
			Meta: inventory.Meta{Namespace: kubevirtNamespace, Name: "virt-handler-" + n.name},
			Node: n.name, Phase: "Running", IP: "192.0.2.2", Port: 8443, Created: epoch,
		})
	}
	c.server.store.PutObject(inventory.Pools, inventory.Object{Meta: inventory.Meta{Namespace: namespace, Name: poolName, UID: poolName}})
	for _, g := range c.guests {
		c.announceVM(g.vmi.Owner)
		c.announce(g)
	}
}

func (c *cluster) announceVM(vm inventory.Owner) {
	c.server.store.PutObject(inventory.VMs, inventory.Object{Meta: inventory.Meta{
		Namespace: namespace, Name: vm.Name, UID: vm.UID, Owner: inventory.Owner{Name: poolName, UID: poolName},
	}})
}

// announce puts a VMI and its pods into the server.
func (c *cluster) announce(g *guest) {
	c.server.store.PutVMI(g.vmi)
	for _, p := range g.pods {
		c.server.store.PutPod(p)
	}
}

// forget takes a VMI and its pods out of the server.
func (c *cluster) forget(g *guest) {
	c.server.store.DeleteVMI(namespace, g.vmi.Name)
	for _, p := range g.pods {
		c.server.store.DeletePod(namespace, p.Name)
	}
}

func (c *cluster) addVM() {
	g := c.newVMI(poolName + "-" + strconv.Itoa(c.vms))
	c.vms++
	c.guests = append(c.guests, g)
	if c.server != nil {
		c.announceVM(g.vmi.Owner)
		c.announce(g)
	}
}

// scale makes the pool have so many VMs, as virt-controller does: those that it
// deletes are drawn at random, which is a pool's default.
func (c *cluster) scale(replicas int) {
	var kept []*guest
	for _, g := range c.guests {
		if !g.vmi.Deleting {
			kept = append(kept, g)
		}
	}
	for range replicas - len(kept) {
		c.addVM()
	}
	for ; len(kept) > replicas; kept = kept[1:] {
		i := c.random.IntN(len(kept))
		kept[0], kept[i] = kept[i], kept[0]
		g := kept[0]
		g.vmi.Deleting, g.gone = true, c.at+c.between(2*time.Second, 20*time.Second)
		c.announce(g)
	}
}

// step lets a tick pass.
func (c *cluster) step() {
	c.at += tick
	working := 0
	for _, g := range c.guests {
		if g.works(c.at) {
			working++
		}
	}
	share := min(1, c.Demand(c.at)/float64(max(1, working)))
	for _, g := range c.guests {
		g.pass(c.at, share, c.Guests.Requests)
	}
	for _, e := range c.Events {
		if e.At > c.at-tick && e.At <= c.at {
			c.happen(e)
		}
	}
	c.live()
	for _, n := range c.nodes {
		if c.at%c.Server.ScrapeInterval != n.phase {
			continue
		}
		if c.at < n.unread || c.at < n.down {
			c.server.scrapeNode(n.name, c.now(), "", errNoConnection)
			continue
		}
		c.server.scrapeNode(n.name, c.now(), c.response(n), nil)
	}
	if c.Guests.Requests > 0 && c.at%c.Server.ScrapeInterval == c.nodes[0].phase {
		c.server.scrapeGuests(c.now(), func(g inventory.Guest) (string, error) { return c.statusPage(g.UID) })
	}
}

// statusPage is what a guest's web server answers.
func (c *cluster) statusPage(vmi types.UID) (string, error) {
	g := c.guests[slices.IndexFunc(c.guests, func(g *guest) bool { return g.vmi.UID == vmi })]
	if g.dead || c.at < g.ready || c.at < g.unread && g.migrates == 0 {
		return "", errNoConnection
	}
	return g.statusPage(), nil
}

var errNoConnection = errors.New("no connection")

// response is what a node's virt-handler answers.
func (c *cluster) response(n *node) string {
	families := []struct {
		name    string
		perVCPU bool
		vcpus   int
		share   float64
	}{
		{"vcpu_seconds_total", true, c.Guests.VCPUs, 1},
		{"vcpu_delay_seconds_total", true, c.Guests.VCPUs, 0.01},
		{"cpu_usage_seconds_total", false, 1, 1.05 * float64(c.Guests.VCPUs)},
	}
	c.text = c.text[:0]
	for _, family := range families {
		for _, g := range c.guests {
			if g.vmi.Node != n.name || g.vmi.Phase != "Running" || c.at < g.unread {
				continue
			}
			g.look(c.at)
			value := family.share * g.cache.vcpuSeconds
			if c.at < g.zeros {
				value = 0
			}
			c.text = g.appendSeries(c.text, family.name, family.perVCPU, family.vcpus, value)
		}
	}
	return string(c.text)
}
