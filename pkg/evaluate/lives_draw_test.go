package evaluate_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const (
	poolOfLives = "web"
	lifeTicks   = 2400 // Ten minutes.
	warmupTicks = 240
	forever     = math.MaxInt
)

// life is a pool on three nodes, and the server that is asked about it.
type life struct {
	*rand.Rand
	t        *testing.T
	tally    *tally
	failure  string
	world    *world
	start    time.Time
	ticks    int // That have passed.
	started  int // When the server was started last.
	interval int // Of scrapes.
	cached   bool
	served   bool // The guests have status pages.
	phases   [4]int
	down     [4]int // Until when nodes are.
	guests   []*guestLife
	names    int
}

func newLife(t *testing.T, seed uint64, total *tally) *life {
	l := &life{Rand: rand.New(rand.NewPCG(seed, 0)), t: t, tally: total, world: newWorld(t)}
	l.world.object("pool", poolOfLives)
	l.start = l.world.now
	l.interval = []int{39, 39, 20, 60}[l.IntN(4)] // 9.75, 5 and 15 s.
	l.cached, l.served = l.IntN(3) > 0, l.IntN(3) > 0
	for i := range l.phases {
		l.phases[i] = l.IntN(l.interval)
	}
	for range 1 + l.IntN(4) {
		l.birth(l.IntN(3) > 0)
	}
	return l
}

func (l *life) tickOf(t time.Time) int { return ticksOf(t.Sub(l.start)) }

func (l *life) fail(format string, args ...any) {
	if l.failure == "" {
		l.failure = fmt.Sprintf("tick %d: ", l.ticks) + fmt.Sprintf(format, args...)
	}
}

func (l *life) run() {
	for l.ticks < lifeTicks && l.failure == "" {
		l.ticks++
		l.world.now = l.start.Add(time.Duration(l.ticks) * tick)
		for _, g := range l.guests {
			g.grow()
			if l.served {
				g.web.grow(g.paused)
			}
		}
		l.happen()
		for n := 1; n < len(l.phases); n++ {
			if l.ticks%l.interval == l.phases[n] || l.IntN(150) == 0 {
				l.scrape(n)
			}
		}
		if l.served && l.ticks%l.interval == l.phases[0] {
			l.readPages()
		}
		if l.IntN(8) == 0 {
			l.judge()
		}
	}
}

// chance reports whether what happens once in so many ticks happens now.
func (l *life) chance(event string, once int) bool {
	if l.IntN(once) > 0 {
		return false
	}
	l.tally.events[event]++
	return true
}

// during returns a tick up to so many seconds ahead.
func (l *life) during(seconds int) int { return l.ticks + 1 + l.IntN(4*seconds) }

// happen draws what happens in a tick.
func (l *life) happen() {
	for n := range l.down {
		if l.chance("outage of a node", 5000) {
			l.down[n] = l.during(200)
		}
	}
	if len(l.guests) < 5 && l.chance("birth", 400) {
		l.birth(false)
	}
	if l.chance("restart of the server", 2500) {
		l.restart()
	}
	for _, g := range l.guests {
		l.happenTo(g)
	}
	l.guests = slices.DeleteFunc(l.guests, func(g *guestLife) bool {
		gone := g.deleted >= 0 && l.ticks >= g.deleted
		if gone {
			if err := l.world.step("gone " + g.name); err != nil {
				l.t.Fatal(err)
			}
		}
		return gone
	})
}

// happenTo draws what happens to a VMI.
func (l *life) happenTo(g *guestLife) {
	switch {
	case g.deleted >= 0:
		return
	case g.ready >= 0 && g.counts < 0 && l.ticks >= g.ready+warmupTicks:
		g.counts = g.ready + warmupTicks
	}
	if g.moved >= 0 && l.ticks >= g.moved {
		g.moved = -1
		old := podOf(l.world.vmis[g.name])
		l.set(g, map[string]string{"node": g.node})
		l.world.store.DeletePod(defaultNamespace, old)
		l.epoch(g)
	}
	if l.chance("load", 60) {
		l.load(g)
	}
	if l.chance("unread zeros", 150) {
		l.some(g, func(c *counter) { c.unreadUntil = l.during([]int{10, 30, 100}[l.IntN(3)]) })
	}
	if l.chance("absent counters", 250) {
		l.absent(g, l.during([]int{10, 30, 100}[l.IntN(3)]))
	}
	if l.chance("hot-plug", 800) {
		l.plug(g)
		l.load(g)
	}
	if l.chance("unplug", 1600) {
		l.unplug(g)
	}
	if l.chance("hung launcher", 1500) {
		g.hangs = l.during(100)
	}
	switch {
	case g.paused && l.chance("unpause", 120):
		g.paused, g.resumed = false, l.ticks
		l.set(g, map[string]string{"paused": "false"})
		l.epoch(g)
	case !g.paused && l.chance("pause", 1500):
		g.paused = true
		l.set(g, map[string]string{"paused": "true"})
	}
	if g.moved < 0 && l.chance("migration", 1000) {
		l.migrate(g)
	}
	l.changeReady(g)
	if l.served {
		l.happenToWeb(g.web)
	}
	if l.chance("death", 3000) {
		g.deleted = l.during(30)
		l.set(g, map[string]string{"deleting": "true"})
	}
}

// some does something to a counter, to a family, or to all of them.
func (l *life) some(g *guestLife, do func(*counter)) {
	one, all := g.counters[l.IntN(len(g.counters))], l.IntN(6)
	for _, c := range g.counters {
		if c == one || all == 0 || all == 1 && c.family == one.family {
			do(c)
		}
	}
}

// absent takes a counter, a vCPU or an interface, or all, out of the response.
func (l *life) absent(g *guestLife, until int) {
	one, all := g.counters[l.IntN(len(g.counters))], l.IntN(6)
	for _, c := range g.counters {
		if c == one || all == 0 || all < 4 && c.device == one.device {
			c.missUntil = until
		}
	}
}

// unplug takes a vCPU away, but not the last one.
func (l *life) unplug(g *guestLife) {
	var plugged []int
	for i, c := range g.counters {
		if c.family == vcpuSeconds && c.to == forever {
			plugged = append(plugged, i)
		}
	}
	if len(plugged) > 1 {
		i := plugged[l.IntN(len(plugged))]
		g.counters[i].to, g.counters[i+1].to = l.ticks, l.ticks
	}
}

// migrate lets another QEMU on another node go on with the guest. The API hears
// of it up to 3 s later.
func (l *life) migrate(g *guestLife) {
	before := g.node
	for g.node == before {
		g.node = l.anyNode()
	}
	g.moved, g.qemu, g.read, g.hangs = l.during(3), g.qemu+1, -1, 0
	for _, c := range g.counters {
		c.base = c.total[l.ticks]
		c.unreadUntil, c.missUntil = 0, 0
	}
}

func (l *life) changeReady(g *guestLife) {
	switch {
	case g.ready < 0 && l.chance("becomes Ready", 80):
		g.ready = l.ticks
		l.set(g, map[string]string{"ready": "0s-ago"})
	case g.ready >= 0 && l.chance("loses Ready", 800):
		g.ready = -1
		l.set(g, map[string]string{"ready": "lost-0s-ago"})
	default:
		return
	}
	if g.ready < 0 || g.flapped >= 0 {
		g.flapped = l.ticks
	}
	if l.ticks < g.unsureUntil {
		g.unsureUntil = forever
	}
}
