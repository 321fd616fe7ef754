package simulate

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

var (
	hours = flag.Int("hours", 20, "how many random hours to simulate")
	seed  = flag.Uint64("seed", 20000, "that of the first hour, drawn if 0")

	// Today's rules do not hold all that they should. The allowances say what they
	// wait for, and go when that is mended.
	strict = flag.Bool("strict", false, "hold the properties without the allowances for defects that are known")
)

// TestHours simulates random hours and judges them. To see one again:
//
//	go test ./pkg/simulate -run TestHours -hours 1 -seed N
func TestHours(t *testing.T) {
	first := *seed
	if first == 0 {
		first = uint64(rand.Uint32())
	}
	t.Logf("%d hours from -seed %d", *hours, first)
	const shown = 3
	failed, tallies := 0, make(map[string]*tally)
	for s := first; s < first+uint64(*hours); s++ {
		j := drawHour(s).judge()
		if tallies[j.form.name] == nil {
			tallies[j.form.name] = &tally{judge: judge{judged: make(map[string]int), excused: make(map[string]int)}}
		}
		tallies[j.form.name].add(j)
		if len(j.violations) == 0 {
			continue
		}
		v := j.violations[0]
		if failed++; failed > shown {
			t.Errorf("seed %d: %s at %s: %s", s, v.property, j.moments[v.moment].At, v.why)
		} else {
			t.Errorf("seed %d: %s: %s\n%s\n%s", s, v.property, v.why, &j.hour, j.timeline(v.moment))
		}
	}
	t.Log("\n" + table(tallies))
	if failed > 0 {
		t.Errorf("%d of %d hours failed", failed, *hours)
	}
}

// tally is what happened in the hours of one form of HPA.
type tally struct {
	judge                                     // only the numbers of judgements
	hours, syncs, unanswered, out, in, events int
	failed                                    map[string]int // hours, by their first violation
}

func (t *tally) add(j *judge) {
	t.hours++
	t.syncs += len(j.moments)
	for _, m := range j.moments {
		t.events += len(m.Events)
		if m.Readings[0].Err != nil {
			t.unanswered++
		}
		if m.Replicas > m.Before {
			t.out++
		}
		if m.Replicas < m.Before {
			t.in++
		}
	}
	for _, p := range properties {
		t.judged[p] += j.judged[p]
		t.excused[p] += j.excused[p]
	}
	if len(j.violations) > 0 {
		if t.failed == nil {
			t.failed = make(map[string]int)
		}
		t.failed[j.violations[0].property]++
	}
}

// table renders what was judged: of each property the syncs in which it had to
// hold, those in which it was excused, and the hours that it failed.
func table(tallies map[string]*tally) string {
	var out strings.Builder
	out.WriteString("| HPA | hours | syncs | unanswered | scale-outs | scale-ins | events |")
	for _, p := range properties {
		fmt.Fprintf(&out, " %s: judged, excused, failed |", p)
	}
	out.WriteString("\n|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range forms {
		t := tallies[f.name]
		if t == nil {
			continue
		}
		fmt.Fprintf(&out, "| %s | %d | %d | %d | %d | %d | %d |", f.name, t.hours, t.syncs, t.unanswered, t.out, t.in, t.events)
		for _, p := range properties {
			fmt.Fprintf(&out, " %d, %d, %d |", t.judged[p], t.excused[p], t.failed[p])
		}
		out.WriteByte('\n')
	}
	return out.String()
}
