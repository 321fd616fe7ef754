//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"guest-metrics-server/pkg/metric"
)

const (
	// tolerance is what may be wrong with a value besides the launcher's cache.
	tolerance = 0.02

	// launcherCache is how old a launcher's statistics may be.
	launcherCache = 3250 * time.Millisecond

	// gaugeMoment is how long after the other statistics filesystems may be read.
	gaugeMoment = 500 * time.Millisecond

	// An answer is prompt if at most this part of the tolerance can be the doing
	// of late scrapes. It has to be within the tolerance without any allowance.
	promptPart = 0.5

	// promptShare of the rates without a cache have to be prompt, or else this
	// machine is too busy to tell how near to the truth the server comes.
	promptShare = 0.2
)

// verdict is how far an answer is from the truth, relative to it, and how far it
// may be.
type verdict struct{ err, bound float64 }

func (v verdict) prompt() bool { return v.bound <= (1+promptPart)*tolerance }

// compare compares an answer with the truth. The statistics at either end of a
// span were read a little late, and where the launcher's cache is not off, up to
// launcherCache early: the growth may be that of a span that begins or ends then.
func compare(g loaded, p peak, value float64, began time.Time, from, to scrape) verdict {
	age := launcherCache
	if !g.cached {
		age = 0
	}
	var truth, lowest, highest float64
	if p.gauge {
		truth = p.value * g.load.at(began, to.at)
		lowest, highest = truth, truth
		for t := to.at.Add(-age); t.Before(to.at.Add(to.late + gaugeMoment)); t = t.Add(10 * time.Millisecond) {
			then := p.value * g.load.at(began, t)
			lowest, highest = min(lowest, then), max(highest, then)
		}
	} else {
		span := to.at.Sub(from.at).Seconds()
		rate := func(from, to time.Time) float64 {
			return p.value * (g.load.factorUntil(to.Sub(began).Seconds()) - g.load.factorUntil(from.Sub(began).Seconds())) / span
		}
		truth = rate(from.at, to.at)
		lowest, highest = rate(from.at.Add(from.late), to.at.Add(-age)), rate(from.at.Add(-age), to.at.Add(to.late))
	}
	return verdict{math.Abs(value-truth) / truth, tolerance + max(truth-lowest, highest-truth)/truth}
}

// verdicts are those of one kind of answers.
type verdicts struct {
	count      int
	err, bound float64 // The largest of each.
}

// A row of the report; the columns are the loads.
type row struct{ variant, metric string }

// judge compares all answers with the truth and prints a table.
func judge(t *testing.T, o observations, guests map[string]loaded, began time.Time) {
	report := make(map[row]map[string]*verdicts)
	judged, unjudged := 0, 0
	var direct uncached
	for answer := range o.answers {
		if time.Unix(answer.second, 0).Add(-rateWindow - scrapeInterval).Before(o.began) {
			continue // It may go back to scrapes from before the test looked at them.
		}
		g, known := guests[answer.guest]
		p, ok := peaks[answer.metric]
		if !ok || !known {
			t.Errorf("the truth about %s of %s is not known: add it to peaks", answer.metric, answer.guest)
			continue
		}
		from, to, ok := o.span(g.node, answer)
		if !ok {
			unjudged++
			continue
		}
		judged++
		v := compare(g, p, answer.value, began, from, to)
		if v.err > v.bound {
			t.Errorf("%s under the load %q (%s) is %g at %.1f s over %.1f s: %.1f %% off the truth, at most %.1f %% are explained", answer.metric,
				g.load.name, g.variant(), answer.value, to.at.Sub(began).Seconds(), to.at.Sub(from.at).Seconds(), 100*v.err, 100*v.bound)
		}
		if !g.cached {
			direct.add(v, p)
		}
		r := row{g.variant(), answer.metric}
		if report[r] == nil {
			report[r] = make(map[string]*verdicts)
		}
		if report[r][g.load.name] == nil {
			report[r][g.load.name] = &verdicts{}
		}
		worst := report[r][g.load.name]
		worst.count++
		worst.err, worst.bound = max(worst.err, v.err), max(worst.bound, v.bound)
	}
	t.Logf("%d answers judged, %d more are of unknown scrapes; scrapes were up to %v late\n%s", judged, unjudged, o.latest(), render(t, report))
	direct.check(t)
	if unjudged > judged/10 {
		t.Errorf("%d answers could not be judged, and %d could", unjudged, judged)
	}
}

// uncached counts the answers without a cache.
type uncached struct{ all, near, prompt, off, rates, promptRates int }

func (u *uncached) add(v verdict, p peak) {
	near := v.err <= tolerance
	u.all++
	if near {
		u.near++
	}
	if !p.gauge {
		u.rates++
	}
	if !v.prompt() {
		return
	}
	u.prompt++
	if !near {
		u.off++
	}
	if !p.gauge {
		u.promptRates++
	}
}

// check fails unless all prompt answers are near the truth, and enough are prompt.
// Gauges do not count for the latter: under a load that does not change a late
// one is as good.
func (u *uncached) check(t *testing.T) {
	t.Logf("of %d answers without a cache %d are within %g %% of the truth; %d are prompt, of which %d are not; %d of %d rates are prompt",
		u.all, u.near, 100*tolerance, u.prompt, u.off, u.promptRates, u.rates)
	if u.off > 0 {
		t.Errorf("%d answers were prompt and are not within %g %% of the truth", u.off, 100*tolerance)
	}
	if float64(u.promptRates) < promptShare*float64(u.rates) {
		t.Errorf("only %d of %d rates were prompt: this machine is too busy to tell how near to the truth the server comes", u.promptRates, u.rates)
	}
}

// span finds the scrapes that an answer was computed from.
func (o observations) span(node string, answer observation) (from, to scrape, ok bool) {
	for _, s := range o.scrapes[node] {
		if s.at.Unix() == answer.second {
			to = s
		}
	}
	if to.at.IsZero() || answer.window == 0 {
		return to, to, !to.at.IsZero()
	}
	for _, s := range o.scrapes[node] {
		// The window is rounded to seconds, and scrapes are further apart than that.
		if off := to.at.Sub(s.at) - answer.window; off.Abs() <= 550*time.Millisecond {
			return s, to, true
		}
	}
	return from, to, false
}

// latest is how late a scrape was at most.
func (o observations) latest() time.Duration {
	var latest time.Duration
	for _, scrapes := range o.scrapes {
		for _, s := range scrapes {
			latest = max(latest, s.late)
		}
	}
	return latest.Round(time.Millisecond)
}

// render prints the worst error of each metric under each load, and the largest
// bound.
func render(t *testing.T, report map[row]map[string]*verdicts) string {
	var text strings.Builder
	out := tabwriter.NewWriter(&text, 0, 4, 2, ' ', 0)
	fmt.Fprint(out, "worst error / bound in %\tmetric")
	for _, l := range loads {
		fmt.Fprintf(out, "\t%s", l.name)
	}
	fmt.Fprintln(out, "\tanswers")
	order := make(map[string]int)
	for i, m := range metric.All() {
		order[m.Name] = i
	}
	rows := slices.SortedFunc(maps.Keys(report), func(a, b row) int {
		if a.variant != b.variant {
			return -strings.Compare(a.variant, b.variant)
		}
		return order[a.metric] - order[b.metric]
	})
	for _, r := range rows {
		fmt.Fprintf(out, "%s\t%s", r.variant, r.metric)
		count := 0
		for _, l := range loads {
			worst := report[r][l.name]
			if worst == nil {
				t.Errorf("no answer was judged: %s, %s, %s", r.variant, r.metric, l.name)
				worst = &verdicts{}
			}
			fmt.Fprintf(out, "\t%.1f / %.1f", 100*worst.err, 100*worst.bound)
			count += worst.count
		}
		fmt.Fprintf(out, "\t%d\n", count)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	return text.String()
}
