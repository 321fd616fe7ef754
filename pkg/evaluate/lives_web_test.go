package evaluate_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// webLife is what really happens in a guest's web server of several workers, each
// with a series of its own.
type webLife struct {
	perSecond  float64
	total      []float64 // Requests at each tick, since the life began.
	workers    []*worker
	born       int
	lost       float64 // Requests that nobody could read, since a worker's last count was never shown.
	failsUntil int
	vanished   bool // A worker has, since the last read.
	epoch      int  // Another one when workers or our reader change.
	epochReads int  // Reads since then.
	reads      []webRead
}

type worker struct {
	name       int
	idle       bool
	count      float64 // What its series has.
	shown      float64 // What of it was read last.
	restarted  bool    // Since then.
	doubtful   bool    // It was missing when others were first read: whether it grows is not known.
	missing    bool    // From the next response.
	wasMissing bool    // From the last one.
}

// webRead is a read of the status page.
type webRead struct {
	at, epoch     int
	pending, lost float64 // Of the requests so far: what is to be read yet, and what never will be.
	rounded       float64
	clean         bool // Nothing was missing that was there before.
}

func (l *life) newWeb() *webLife {
	w := &webLife{total: make([]float64, l.ticks+1)}
	for range 1 + l.IntN(3) {
		w.addWorker(float64(l.IntN(100000)))
	}
	if l.IntN(3) == 0 {
		w.addWorker(0)
		w.workers[len(w.workers)-1].idle = true
	}
	return w
}

func (w *webLife) addWorker(count float64) {
	w.born++
	w.workers = append(w.workers, &worker{name: w.born, count: count})
}

// epoch notes that the guest's status page is read by another reader from now on.
func (l *life) epoch(g *guestLife) {
	if g.web != nil {
		g.web.changed()
	}
}

func (w *webLife) changed() { w.epoch, w.epochReads = w.epoch+1, 0 }

// grow lets a tick pass.
func (w *webLife) grow(paused bool) {
	total := w.total[len(w.total)-1]
	if !paused {
		n := w.perSecond * tick.Seconds()
		total += n
		busy := slices.DeleteFunc(slices.Clone(w.workers), func(each *worker) bool { return each.idle })
		for _, each := range busy {
			each.count += n / float64(len(busy))
		}
	}
	w.total = append(w.total, total)
}

// happenToWeb draws what happens to the web server.
func (l *life) happenToWeb(w *webLife) {
	some := w.workers[l.IntN(len(w.workers))]
	if l.chance("restart of a worker", 600) {
		w.restart(some)
	}
	if l.chance("another worker", 600) {
		w.restart(some)
		w.vanished = true
		w.workers = slices.DeleteFunc(w.workers, func(each *worker) bool { return each == some })
		w.addWorker(0)
	}
	if l.chance("restart of the web server", 1500) {
		for _, each := range w.workers {
			w.restart(each)
		}
	}
	if l.chance("missing series", 300) {
		some.missing = !some.wasMissing // From two responses of a new reader's, it would be like a new one.
	}
	if l.chance("unreachable status page", 1200) {
		w.failsUntil = l.during(90)
	}
}

func (w *webLife) restart(each *worker) {
	if w.lost += each.count; !each.restarted {
		w.lost -= each.shown
	}
	each.count, each.restarted = 0, true
	w.changed()
}

// readPages lets the server read all status pages.
func (l *life) readPages() {
	before := make(map[*guestLife]float64)
	for _, g := range l.guests {
		s := l.world.guests[g.name].server
		before[g] = s.requests
		if s.fails = ""; l.ticks < g.web.failsUntil {
			s.fails = "connection refused"
		}
		s.page = g.web.respond()
	}
	l.world.readGuests()
	for _, g := range l.guests {
		if l.world.guests[g.name].server.requests > before[g] {
			g.web.wasRead(l.ticks)
		}
	}
}

func (w *webLife) respond() string {
	var page strings.Builder
	page.WriteString("other 1\n")
	for _, each := range w.workers {
		if !each.missing {
			fmt.Fprintf(&page, "requests{worker=\"%d\"} %.0f\n", each.name, math.Floor(each.count))
		}
	}
	return page.String()
}

// wasRead notes what the server knows from a response. One without any worker's
// series is an error, and says nothing.
func (w *webLife) wasRead(at int) {
	if !slices.ContainsFunc(w.workers, func(each *worker) bool { return !each.missing }) {
		for _, each := range w.workers {
			each.missing = false
		}
		return
	}
	w.epochReads++
	if w.looksRestarted() {
		w.epochReads = 1
	}
	r := webRead{at: at, epoch: w.epoch, rounded: float64(len(w.workers) + 1), clean: !w.vanished}
	w.vanished = false
	for _, each := range w.workers {
		if each.wasMissing = each.missing; each.missing {
			each.missing, r.clean = false, false
			each.doubtful = each.doubtful || w.epochReads <= 2
			if r.pending += each.count; !each.restarted {
				r.pending -= each.shown
			}
			continue
		}
		if each.restarted {
			each.restarted = false
			if each.count >= each.shown {
				w.lost += each.shown // It seems to have gone on.
			}
		}
		if each.doubtful {
			w.lost += math.Max(0, each.count-each.shown)
		}
		each.shown = math.Floor(each.count)
	}
	r.lost = w.lost
	w.reads = append(w.reads, r)
}

// looksRestarted reports whether no worker goes on in a response, and some began anew.
func (w *webLife) looksRestarted() bool {
	began := false
	for _, each := range w.workers {
		count := math.Floor(each.count)
		switch {
		case each.missing:
		case !each.restarted && each.shown > 0:
			return false
		case count < each.shown || each.shown == 0 && count > 0:
			began = true
		}
	}
	return began
}

// mean returns what the mean rate between two reads may be: what was served, less
// what cannot be known.
func (w *webLife) mean(start, at int) (lo, hi float64, err error) {
	find := func(at int) int { return slices.IndexFunc(w.reads, func(r webRead) bool { return r.at == at }) }
	s, e := find(start), find(at)
	if s < 0 || e <= s {
		return 0, 0, errors.New("its page was not read at the ends of the window")
	}
	begin, end := w.reads[s], w.reads[e]
	span := float64(at-start) * tick.Seconds()
	served := w.total[at] - w.total[start]
	rounded := begin.rounded + end.rounded
	return max(0, served-(end.lost-begin.lost)-end.pending-rounded) / span, (served + begin.pending + rounded) / span, nil
}

// isDue reports whether the rate has to be known: the page was read twice in a
// row, of late, and all was there.
func (w *webLife) isDue(oldest, since int) bool {
	for e := len(w.reads) - 1; e > 0 && w.reads[e].at >= oldest; e-- {
		begin, end := w.reads[e-1], w.reads[e]
		if begin.clean && end.clean && begin.epoch == end.epoch && begin.at >= since && end.at-begin.at <= ticksOf(reach) {
			return true
		}
	}
	return false
}
