package evaluate_test

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"guest-metrics-server/pkg/evaluate"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/reason"
)

var (
	lives = flag.Int("lives", 10, "how many random pools TestLives follows")
	seed  = flag.Uint64("seed", 2520575725, "that of the first pool, drawn if 0")
)

// TestLives follows random pools for ten minutes of their own time each: random
// events, and answers that are judged by what really happened. To see one again:
//
//	go test ./pkg/evaluate -run TestLives -lives 1 -seed N
//
// A value has to be the true mean over the answer's own window, but for what the
// launcher's cache withheld at its ends; docs/accuracy.md says where a rate begins
// and ends. Only VMIs that count may have one. And a VMI with two samples in which
// all was read must have one: so no error passes that the events do not explain.
func TestLives(t *testing.T) {
	first := *seed
	if first == 0 {
		first = uint64(rand.Uint32())
	}
	t.Logf("%d lives from -seed %d", *lives, first)
	total := tally{events: make(map[string]int), errors: make(map[string]int)}
	const shown = 5
	failed := 0
	for s := first; s < first+uint64(*lives); s++ {
		l := newLife(t, s, &total)
		l.run()
		if l.failure == "" {
			continue
		}
		if failed++; failed <= shown {
			t.Errorf("seed %d: %s", s, l.failure)
		}
	}
	t.Log(total.String())
	if failed > 0 {
		t.Errorf("%d of %d lives failed", failed, *lives)
	}
}

// tally is what happened and what was judged in all lives.
type tally struct {
	values, known, due  int // Of VMIs that count: asked for, answered, and those that had to be answered.
	groups, knownGroups int
	excluded, unjudged  int // Answers about VMIs that do not count, and about groups of which that is not known.
	events              map[string]int
	errors              map[string]int
}

func (t *tally) String() string {
	return fmt.Sprintf("%d answers about VMIs that count: %.1f %% are values, and all of the %.1f %% that have to be; %d about others\n"+
		"%d answers about groups: %.1f %% are values; %d were not judged, since nobody knows who had warmed up\nevents: %v\nreasons: %v",
		t.values, percent(t.known, t.values), percent(t.due, t.values), t.excluded,
		t.groups, percent(t.knownGroups, t.groups), t.unjudged, t.events, t.errors)
}

func percent(part, of int) float64 { return 100 * float64(part) / float64(max(of, 1)) }

// asked is a metric that is asked of each VMI, and what it is made of.
type asked struct {
	metric   string
	families []string // Of the responses' counters; the first one's rates have the answer's window.
	value    string   // The family of which the value is, "" for all.
	percent  bool     // Of the time of the vCPUs.
}

var (
	cores    = asked{metric: "guest_cpu_usage_cores", families: []string{vcpuSeconds}}
	percents = asked{metric: "guest_cpu_utilization_percent", families: []string{vcpuSeconds}, percent: true}
	web      = asked{metric: "guest_http_requests_per_second"}
	all      = []asked{
		cores, percents,
		{metric: "guest_cpu_demand_percent", families: []string{vcpuSeconds, vcpuDelay}, percent: true},
		{metric: "guest_cpu_steal_percent", families: []string{vcpuSeconds, vcpuDelay}, value: vcpuDelay, percent: true},
		{metric: "guest_network_receive_bytes_per_second", families: []string{received}},
		web,
	}
)

// ask returns the pool's or a VMI's value of a metric, or the code of the reason
// why there is none.
func (l *life) ask(kind inventory.Kind, name, served string, selector labels.Set) (metric.Reading, reason.Code) {
	values, err := l.world.evaluator.Answer(evaluate.Query{
		Kind: kind, Namespace: defaultNamespace, Name: name, Metric: metric.Lookup(served), MetricSelector: selector.AsSelector(),
	})
	if unknown := (*evaluate.NotFoundError)(nil); errors.As(err, &unknown) && len(unknown.Causes) == 1 {
		l.tally.errors[string(unknown.Causes[0].Code)]++
		return metric.Reading{}, unknown.Causes[0].Code
	}
	if err != nil {
		l.fail("%s of %s: %v", served, name, err)
		return metric.Reading{}, "failed"
	}
	return values[0].Reading, ""
}

// judge asks for all metrics of all, and judges the answers.
func (l *life) judge() {
	for _, a := range all {
		if a.families == nil && !l.served {
			continue
		}
		var members []judged
		for _, g := range l.guests {
			members = append(members, l.judgeVMI(a, g))
			if l.failure != "" {
				return
			}
		}
		switch a.metric {
		case cores.metric, web.metric:
			l.judgeSum(a, nil, members)
		case percents.metric:
			l.judgeSum(a, labels.Set{"aggregate": "sum"}, members)
		}
	}
}

// judged is what was found of a VMI.
type judged struct {
	standing
	known  bool
	why    reason.Code
	lo, hi float64 // What the value may be.

	at, span time.Duration // When the value is of, since the beginning of the life, and over what span.
	resumed  int           // When it went on after a pause that this server saw, or 0.
}

func (j judged) joined() int {
	if j.counts && j.counted < j.ready {
		return j.resumed // It was warm before it became Ready again.
	}
	return max(j.ready, j.resumed)
}

func (l *life) judgeVMI(a asked, g *guestLife) judged {
	reading, why := l.ask(inventory.VMIs, g.name, a.metric, nil)
	j := judged{standing: l.standing(g), known: why == "", why: why, at: reading.At.Sub(l.start), span: reading.Span}
	if g.resumed >= l.started { // A restart comes first in a tick.
		j.resumed = g.resumed
	}
	switch {
	case j.unsure:
	case !j.counts:
		l.tally.excluded++
		if j.known {
			l.fail("%s of %s is %g, and it does not count", a.metric, g.name, reading.Value)
		}
	default:
		l.tally.values++
	}
	due := j.counts && !j.unsure && l.isDue(a, g, j.since)
	if due {
		l.tally.due++
	}
	if !j.known {
		if why == reason.WarmingUp && j.counts && !j.unsure && l.ticks-j.counted > ticksOf(time.Minute) {
			l.fail("%s of %s: it has warmed up", a.metric, g.name)
		}
		if j.lacksRate() && j.counts && j.counted > 0 && !j.unsure && l.ticks-j.counted <= ticksOf(time.Minute) {
			l.fail("%s of %s: it is a newcomer, and unknown (%s)", a.metric, g.name, why)
		}
		if due {
			l.fail("%s of %s is unknown (%s), though it was read", a.metric, g.name, why)
		}
		return j
	}
	if j.unsure {
		return j
	}
	l.tally.known++
	at, start := l.tickOf(reading.At), l.tickOf(reading.At.Add(-reading.Span))
	if age := l.world.now.Sub(reading.At); age > time.Minute {
		l.fail("%s of %s: the value is of %s ago", a.metric, g.name, age)
	}
	if start < j.since {
		l.fail("%s of %s: its window begins %d ticks before it counts", a.metric, g.name, j.since-start)
	}
	var err error
	if a.families == nil {
		j.lo, j.hi, err = g.web.mean(start, at)
	} else {
		j.lo, j.hi, err = g.mean(a, start, at, j.since)
	}
	if err != nil {
		l.fail("%s of %s, %g over %s: %v", a.metric, g.name, reading.Value, reading.Span, err)
	} else if slack := 1e-6 * (1 + math.Abs(j.hi)); reading.Value < j.lo-slack || reading.Value > j.hi+slack {
		l.fail("%s of %s is %g over %s, and was %g to %g", a.metric, g.name, reading.Value, reading.Span, j.lo, j.hi)
	}
	return j
}

// isCarried reports whether others counted before the member joined.
func (j judged) isCarried(members []judged) bool {
	return slices.ContainsFunc(members, func(other judged) bool { return other.counts && max(other.counted, other.resumed) < j.joined() })
}

func (j judged) joinedWithin(window time.Duration) bool {
	return j.span > 0 && j.at-time.Duration(j.joined())*tick < window
}

func (j judged) lacksRate() bool {
	return j.why == reason.NoSample || j.why == reason.OneSample || j.why == reason.Stale || j.why == reason.NotReported
}

func (j judged) resumesWithoutRate(now int) bool {
	return j.lacksRate() && j.resumed > 0 && now-j.resumed <= ticksOf(time.Minute)
}

// judgeSum holds the sum of a pool to rule 6: a member that counts and is unknown
// is like the known ones, and a newcomer of which others carry the load adds 0.
func (l *life) judgeSum(a asked, selector labels.Set, members []judged) {
	var lo, hi float64
	known, unknown := 0, 0
	anyCounts := slices.ContainsFunc(members, func(m judged) bool { return m.counts })
	for _, m := range members {
		switch {
		case m.unsure:
			l.tally.unjudged++
			return
		case m.known:
			part := 1.0
			if m.joinedWithin(rateWindow) && m.isCarried(members) {
				part = min(1, m.span.Seconds()/rateWindow.Seconds()) // The others' windows hold the rest.
			}
			known, lo, hi = known+1, lo+part*m.lo, hi+part*m.hi
		case (m.why == reason.WarmingUp || m.resumesWithoutRate(l.ticks)) && m.isCarried(members):
			// Others carry its load.
		case m.why != reason.WarmingUp:
			if m.counts {
				unknown++
			}
		case m.counts || anyCounts:
			unknown++
		}
	}
	reading, why := l.ask(inventory.Pools, poolOfLives, a.metric, selector)
	l.tally.groups++
	counting := known + unknown
	if enough := known > 0 && 2*known >= counting; enough != (why == "") {
		l.fail("%s of the pool: %d of %d are known, and the answer is %g, %q: %+v", a.metric, known, counting, reading.Value, why, members)
	} else if enough {
		l.tally.knownGroups++
		by := float64(counting) / float64(known)
		if slack := 1e-6 * (1 + hi*by); reading.Value < lo*by-slack || reading.Value > hi*by+slack {
			l.fail("%s of the pool is %g, and was %g to %g", a.metric, reading.Value, lo*by, hi*by)
		}
	}
}
