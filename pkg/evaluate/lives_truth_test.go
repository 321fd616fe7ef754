package evaluate_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	tick        = 250 * time.Millisecond
	rateWindow  = 30 * time.Second // Of the world's server.
	reach       = 33 * time.Second // Of a rate with its slack.
	cacheTicks  = 13               // virt-launcher's cache, 3.25 s.
	vcpuSeconds = "vcpu_seconds_total"
	vcpuDelay   = "vcpu_delay_seconds_total"
	received    = "network_receive_bytes_total"
)

func ticksOf(d time.Duration) int { return int(d / tick) }

// guestLife is what really happens in a VMI.
type guestLife struct {
	name    string
	node    string // Where it runs. The API may not know yet.
	paused  bool
	running int // The tick since which it runs.
	ready   int // Since which it is Ready, -1 while it is not.
	counts  int // Since which it counts: it had been Ready for its warm-up. -1 before.
	flapped int // When Ready changed last after it was lost, -1 if never.

	unsureUntil int // Until when the server cannot know whether it counts.

	resumed  int // When it was unpaused last.
	deleted  int // When it is gone; -1 if it is not being deleted.
	hangs    int // Until when its launcher does.
	moved    int // When the API hears of its migration, -1 without one.
	counters []*counter
	qemu     int // Which QEMU counts.
	read     int // When the launcher's cache was filled last; -1 for an empty one.
	samples  []lifeSample
	web      *webLife
}

// counter is one that the response reports of a guest.
type counter struct {
	family, label, device  string
	from, to               int // While it is plugged in.
	perSecond              float64
	total                  []float64 // At each tick, since the life began.
	base                   float64   // The total at which QEMU's own counter began.
	unreadUntil, missUntil int
}

// lifeSample is what a response reported of a guest.
type lifeSample struct {
	at, read int // Ticks: when it was taken, and when the launcher asked libvirt.
	qemu     int
	counters []what // Of the guest's counters.
}

// what a response has of a counter.
type what struct {
	reported, unread bool // Unread: it reads 0 and is more.
	plugged          bool
	zero             bool
}

func (s *lifeSample) of(i int) what {
	if i < len(s.counters) {
		return s.counters[i]
	}
	return what{}
}

// standing is whether a VMI counts.
type standing struct {
	counts  bool
	unsure  bool // The server cannot know.
	ready   int  // Since when it is Ready.
	counted int  // Since when it counts.
	since   int  // No rate may begin before.
}

func (l *life) standing(g *guestLife) standing {
	s := standing{ready: g.ready, counted: g.counts, since: max(g.counts, g.resumed, l.started)}
	stands := g.deleted < 0 && !g.paused
	s.counts = g.counts >= 0 && stands
	if s.unsure = l.ticks < g.unsureUntil && stands; s.unsure {
		s.since = max(g.resumed, l.started)
	}
	return s
}

// mean returns what the rates of the metric's counters may be: what they truly
// were on average, give or take what the cache withheld. An error says why there
// should be none.
func (g *guestLife) mean(a asked, start, at, since int) (lo, hi float64, err error) {
	e := slices.IndexFunc(g.samples, func(s lifeSample) bool { return s.at == at })
	if e < 0 {
		return 0, 0, errors.New("no sample was taken then")
	}
	end := &g.samples[e]
	if !g.sameDevices(a, end) {
		return 0, 0, errors.New("of some vCPU only the time or only the delay was in the response")
	}
	kept := max(since, start) // Of the samples the server may have forgotten some.
	devices, longest := 0, 0
	for i, c := range g.counters {
		if !slices.Contains(a.families, c.family) {
			continue
		}
		w := end.of(i)
		if !w.reported {
			if w.plugged && g.reportedOfLate(e, i, since) {
				return 0, 0, fmt.Errorf("%s%s was not in the response", c.family, c.label)
			}
			continue
		}
		if c.family == a.families[0] {
			devices++
		}
		idle := w.zero && !g.wasMore(e, i) // Or unread so far: nobody can tell.
		if w.unread && !idle {
			return 0, 0, fmt.Errorf("%s%s was not read", c.family, c.label)
		}
		b := g.begin(e, i, kept)
		earlier := b
		if c.family != a.families[0] {
			earlier = g.begin(e, i, since)
		}
		if earlier < 0 {
			return 0, 0, fmt.Errorf("%s%s was read once", c.family, c.label)
		}
		if b < 0 {
			b = earlier
		}
		if c.family == a.families[0] {
			longest = max(longest, at-g.samples[b].at)
		}
		if a.value != "" && a.value != c.family {
			continue
		}
		low, high := g.between(c, b, e)
		if earlier != b {
			otherLow, otherHigh := g.between(c, earlier, e)
			low, high = min(low, otherLow), max(high, otherHigh)
		}
		if idle {
			low = 0
		}
		lo, hi = lo+low, hi+high
	}
	if longest != at-start {
		return 0, 0, fmt.Errorf("the longest rate goes over %d ticks, and not %d", longest, at-start)
	}
	if a.percent {
		lo, hi = min(100*lo/float64(devices), 100), min(100*hi/float64(devices), 100)
	}
	return max(lo, 0), hi, nil
}

// sameDevices reports whether a sample has all families of the metric on each
// device that it has.
func (g *guestLife) sameDevices(a asked, s *lifeSample) bool {
	reported := make(map[string]int)
	for i, c := range g.counters {
		if s.of(i).reported && slices.Contains(a.families, c.family) {
			reported[c.device]++
		}
	}
	for _, n := range reported {
		if n != len(a.families) {
			return false
		}
	}
	return true
}

// between returns what the rate of a counter may be between two samples.
func (g *guestLife) between(c *counter, b, e int) (lo, hi float64) {
	begin, end := &g.samples[b], &g.samples[e]
	span := float64(end.at-begin.at) * tick.Seconds()
	mean := (c.total[end.at] - c.total[begin.at]) / span
	return mean - (c.total[end.at]-c.total[end.read])/span, mean + (c.total[begin.at]-c.total[begin.read])/span
}

// begin returns the sample at which the rate of a counter begins: the oldest that
// knows it within reach, or without one the last; -1 without any.
func (g *guestLife) begin(e, i, since int) int {
	begin := -1
	for j := e - 1; j >= 0; j-- {
		s, w := &g.samples[j], g.samples[j].of(i)
		if s.qemu != g.samples[e].qemu || s.at < since || begin >= 0 && g.samples[e].at-s.at > ticksOf(reach) {
			break
		}
		if w.reported && w.zero == g.samples[e].of(i).zero {
			begin = j
		}
	}
	return begin
}

// wasMore reports whether a counter was more than 0 in the run of a sample, since
// it was absent for so long that it seemed to be unplugged.
func (g *guestLife) wasMore(e, i int) bool {
	reported := g.samples[e].at
	for j := e; j >= 0 && g.samples[j].qemu == g.samples[e].qemu && reported-g.samples[j].at <= ticksOf(reach); j-- {
		if w := g.samples[j].of(i); w.reported && !w.zero {
			return true
		} else if w.reported {
			reported = g.samples[j].at
		}
	}
	return false
}

// reportedOfLate reports whether a counter was in a response of the sample's run
// within reach. What is absent for longer was unplugged.
func (g *guestLife) reportedOfLate(e, i, since int) bool {
	for j := e; j >= 0; j-- {
		s := &g.samples[j]
		if s.qemu != g.samples[e].qemu || s.at < since || g.samples[e].at-s.at > ticksOf(reach) {
			return false
		}
		if s.of(i).reported {
			return true
		}
	}
	return false
}

// isDue reports whether a metric has to be known: there are two samples that
// followed each other of late in which all of it was read, and nothing seemed to
// be unplugged since.
func (l *life) isDue(a asked, g *guestLife, since int) bool {
	oldest := l.ticks - ticksOf(time.Minute)
	if a.families == nil {
		return g.web.isDue(oldest, since)
	}
	for e := len(g.samples) - 1; e > 0 && g.samples[e].at >= oldest; e-- {
		end, begin := &g.samples[e], &g.samples[e-1]
		families := a.families
		if end.qemu != g.samples[len(g.samples)-1].qemu {
			families = []string{vcpuSeconds, vcpuDelay, received} // What is kept of an earlier run is whole.
		}
		if begin.at >= since && begin.qemu == end.qemu && end.at-begin.at <= ticksOf(reach) && g.isSteady(e, families) {
			return true
		}
	}
	return false
}

// isSteady reports whether all counters of the families were read in a sample and
// in the one before, none was unplugged shortly before, and none seemed to be
// unplugged since.
func (g *guestLife) isSteady(e int, families []string) bool {
	for i, c := range g.counters {
		if !slices.Contains(families, c.family) {
			continue
		}
		plugged, absent := g.samples[e].of(i).plugged, false
		for j := max(0, e-40); j < len(g.samples); j++ {
			s, w := &g.samples[j], g.samples[j].of(i)
			switch later := s.at - g.samples[e].at; {
			case j == e-1 || j == e:
				if w.plugged != plugged || plugged && (!w.reported || w.zero) {
					return false
				}
			case j < e && -later <= ticksOf(reach):
				if w.plugged && !plugged {
					return false
				}
			case j > e:
				absent = absent || plugged && !w.reported
				if w.plugged && !plugged && !w.reported {
					return false // Of a new vCPU only the time: a sample seems to be whole without its delay.
				}
				seemsGone := later > ticksOf(reach) || s.qemu != g.samples[e].qemu
				if absent && seemsGone && (!w.reported || w.zero) {
					return false
				}
			}
		}
	}
	return true
}

// grow lets a tick pass in the guest.
func (g *guestLife) grow() {
	for _, c := range g.counters {
		total := c.total[len(c.total)-1]
		if !g.paused && c.to == forever {
			total += c.perSecond * tick.Seconds()
		}
		c.total = append(c.total, total)
	}
}

// look fills the launcher's cache if that is older than 3.25 s.
func (g *guestLife) look(now int, cached bool) {
	if !cached || g.read < 0 || now-g.read > cacheTicks {
		g.read = now
	}
}

// report appends a line of the response.
func (c *counter) report(now int, read int) (value float64, w what) {
	value = c.total[read] - c.base
	plugged := c.from <= read && read < c.to
	w = what{reported: plugged && now >= c.missUntil, plugged: plugged, zero: value == 0}
	if now < c.unreadUntil && value > 0 {
		value, w.unread, w.zero = 0, true, true
	}
	return math.Max(value, 0), w
}
