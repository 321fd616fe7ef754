package evaluate_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// set changes what the API says of a VMI.
func (l *life) set(g *guestLife, options map[string]string) {
	options["pool"] = poolOfLives
	if err := l.world.vmi(g.name, options); err != nil {
		l.t.Fatal(err)
	}
}

// birth adds a VMI. One that is old has been there for an hour.
func (l *life) birth(old bool) {
	g := &guestLife{name: fmt.Sprintf("web-%d", l.names%5), node: l.anyNode(), running: l.ticks, ready: -1, counts: -1, flapped: -1, deleted: -1, moved: -1, read: -1}
	l.names++
	if slices.ContainsFunc(l.guests, func(other *guestLife) bool { return other.name == g.name }) {
		return
	}
	l.world.guests[g.name] = &guest{server: &server{}}
	options := map[string]string{"node": g.node, "ready": "never"}
	if old {
		g.running, g.ready, g.counts = 0, 0, 0
		options["ready"] = "1h-ago"
	}
	if l.served {
		options["http"] = "port:80,series:requests"
		g.web = l.newWeb()
	}
	l.set(g, options)
	for range 1 + l.IntN(4) {
		l.plug(g)
	}
	for i := range 1 + l.IntN(2) {
		g.counters = append(g.counters, l.newCounter(received, fmt.Sprintf(`interface="eth%d",`, i)))
	}
	if old {
		for _, c := range g.counters {
			c.from, c.base = 0, -1000*l.Float64()
		}
	}
	l.guests = append(l.guests, g)
	l.load(g)
}

func (l *life) anyNode() string { return "n" + strconv.Itoa(1+l.IntN(3)) }

func (l *life) newCounter(family, label string) *counter {
	device, _, _ := strings.Cut(label, ",")
	return &counter{family: family, label: label, device: device, from: l.ticks, to: forever, total: make([]float64, l.ticks+1)}
}

// plug adds a vCPU.
func (l *life) plug(g *guestLife) {
	id := len(g.counters) // Ids are never used again.
	g.counters = append(g.counters,
		l.newCounter(vcpuSeconds, fmt.Sprintf(`id="%d",state="running",`, id)), l.newCounter(vcpuDelay, fmt.Sprintf(`id="%d",`, id)))
}

// load draws how busy the guest is from now on.
func (l *life) load(g *guestLife) {
	busy := 0.0
	for _, c := range g.counters {
		switch c.family {
		case vcpuSeconds:
			busy = float64(l.IntN(11)) / 10
			c.perSecond = busy
		case vcpuDelay:
			c.perSecond = (1 - busy) * float64(l.IntN(6)) / 5
		case received:
			c.perSecond = float64(l.IntN(3)) * 1e6 * l.Float64()
		}
	}
	if g.web != nil {
		g.web.perSecond = float64(l.IntN(3)) * 1000 * l.Float64()
	}
}

// restart starts the server anew. It knows of the past what the API says.
func (l *life) restart() {
	before := l.world
	l.world = newWorld(l.t)
	l.world.object("pool", poolOfLives)
	l.world.now, l.world.vmis, l.world.guests, l.world.uids = before.now, before.vmis, before.guests, before.uids
	l.started = l.ticks
	for _, g := range l.guests {
		l.set(g, map[string]string{})
		l.epoch(g)
		g.samples = nil
		if g.web != nil {
			g.web.reads = nil
		}
		switch {
		case g.flapped < 0 && g.ready-g.running < warmupTicks:
		case g.ready >= 0 && g.counts >= 0:
			g.counts = g.ready + warmupTicks
			fallthrough
		case g.ready >= 0:
			g.unsureUntil = max(g.unsureUntil, g.ready+warmupTicks)
		case g.counts >= 0:
			g.counts = 0
		case g.flapped-g.running >= warmupTicks:
			g.unsureUntil = forever
		}
	}
}

// scrape takes in a node's response, unless the node is down.
func (l *life) scrape(number int) {
	name := "n" + strconv.Itoa(number)
	if l.ticks < l.down[number] {
		l.world.node(name).status.Err = errors.New("connection refused")
		return
	}
	l.world.node(name).status.Err = nil
	var response strings.Builder
	samples := make(map[*guestLife]*lifeSample)
	for _, family := range []string{vcpuSeconds, vcpuDelay, received} {
		for _, g := range l.guests {
			if g.node != name || l.ticks < g.hangs {
				continue
			}
			s := samples[g]
			if s == nil {
				g.look(l.ticks, l.cached)
				s = &lifeSample{at: l.ticks, read: g.read, qemu: g.qemu, counters: make([]what, len(g.counters))}
				samples[g] = s
			}
			for i, c := range g.counters {
				if c.family != family {
					continue
				}
				var value float64
				if value, s.counters[i] = c.report(l.ticks, g.read); s.counters[i].reported {
					fmt.Fprintf(&response, "kubevirt_vmi_%s{%sname=%q,namespace=%q} %v\n", c.family, c.label, g.name, defaultNamespace, value)
				}
			}
		}
	}
	l.world.scrape(name, response.String())
	for g, s := range samples {
		if v := l.world.vmis[g.name]; v.Node == name && !v.Paused {
			g.samples = append(g.samples, *s)
		}
	}
}
