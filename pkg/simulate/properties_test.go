package simulate

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// violation is a property that did not hold at a moment.
type violation struct {
	moment   int
	property string
	why      string
}

// judge holds what happened against what should have.
type judge struct {
	hour
	moments    []Moment
	violations []violation
	judged     map[string]int // how often a property had to hold
	excused    map[string]int // how often it did not have to, for what its comments say
}

// The properties. Each holds for every sync of the HPA to which it applies.
const (
	notMore        = "never more than needed"
	notFewer       = "never fewer for long"
	noScaleIn      = "no scale-in below need"
	noTurns        = "no oscillation"
	sensibleValues = "values make sense"
)

var properties = []string{notMore, notFewer, noScaleIn, noTurns, sensibleValues}

func (h hour) judge() *judge {
	j := &judge{hour: h, moments: Run(h.Config), judged: make(map[string]int), excused: make(map[string]int)}
	j.neverMoreThanNeeded()
	j.neverFewerForLong()
	j.noScaleInBelowNeed()
	j.noOscillation()
	j.valuesMakeSense()
	slices.SortStableFunc(j.violations, func(a, b violation) int { return a.moment - b.moment })
	return j
}

func (j *judge) violate(moment int, property, why string, args ...any) {
	j.violations = append(j.violations, violation{moment, property, fmt.Sprintf(why, args...)})
}

// tolerance is the HPA's.
const tolerance = 0.1

// lookback is how old the work can be that an answer speaks of.
func (j *judge) lookback() time.Duration {
	age := j.Server.ScrapeInterval
	if len(j.Events) > 0 {
		age = j.Server.MaxSampleAge
	}
	return age + j.Server.RateWindow*11/10 + renewal
}

func (j *judge) stabilization() time.Duration {
	if b := j.HPA.Spec.Behavior; b != nil {
		return *b.ScaleDown.StabilizationWindow
	}
	return j.HPA.Controller.DownscaleStabilization
}

// between returns the lowest and the highest demand of a span of time.
func (j *judge) between(from, to time.Duration) (least, most float64) {
	first, last := max(0, int(from/time.Second)), min(seconds-1, int(to/time.Second))
	span := j.demand[first : last+1]
	return slices.Min(span), slices.Max(span)
}

// neverMoreThanNeeded: the replicas are what the highest demand of the
// stabilization window needs, or what they were and within tolerance. More are
// asked for only beyond that.
func (j *judge) neverMoreThanNeeded() {
	for i, m := range j.moments {
		if m.Readings[0].Err != nil {
			continue // Replicas stay as they are.
		}
		if j.supposed(i) || j.comparesReady(i) {
			j.excused[notMore]++
			continue
		}
		j.judged[notMore]++
		since := j.beforeOutages(i)
		factor := (1 + j.errorSince(since, m.At)) * j.overestimated(i, since) / j.target
		_, most := j.between(since, m.At)
		most *= factor
		if limit := max(math.Ceil(most), most/(1-tolerance)); float64(m.Replicas) > max(1, limit) {
			j.violate(i, notMore, "at most %.2f are needed", limit)
		}
		_, recent := j.between(m.At-j.lookback(), m.At)
		if recent *= factor; m.Decision.Proposals[0].Replicas > m.Before && recent <= float64(m.Before)*(1+tolerance) {
			j.violate(i, notMore, "%.2f are needed, which is within the tolerance", recent)
		}
	}
}

// neverFewerForLong: a demand that lasts is met after as many rounds as a
// saturated pool needs, each of which takes what boots, the warm-up, two scrapes
// and the window take.
func (j *judge) neverFewerForLong() {
	seen := j.lookback() + syncPeriod
	round := seen + j.Guests.MaxBoot + j.Server.Warmup + 2*j.Server.ScrapeInterval
	growth := math.Log((1 - j.metricError()) / j.target)
	var begin time.Duration
	var rounds float64
	from := -1
	for i, m := range j.moments {
		least, _ := j.between(m.At-seen, m.At)
		needed := least / j.target
		if float64(m.Before)*(1+tolerance)*(1+j.metricError()) >= needed || m.Before == j.HPA.Spec.MaxReplicas {
			from = -1
			continue
		}
		j.judged[notFewer]++
		if from < 0 {
			from, begin, rounds = i, m.At, 0
		}
		if m.Readings[0].Err != nil || m.supposes() {
			begin += syncPeriod // Nothing can be decided, or pods without a value hold it up.
			continue
		}
		if m.restarts() || m.Down+m.Paused > 0 {
			begin = m.At // VMIs have to be replaced or to go on first: a saturated pool cannot show what it lacks.
		}
		rounds = max(rounds, math.Ceil(math.Log(needed/float64(j.moments[from].Before))/growth)+1) // One may be under way.
		if late := m.At - begin; late > time.Duration(rounds)*round {
			j.violate(i, notFewer, "%.2f have been needed for %s, which %g rounds of %s do not explain", needed, late, rounds, round)
		}
	}
}

// noScaleInBelowNeed: nothing but a lower demand makes the pool smaller, whatever
// fails, boots or moves meanwhile.
func (j *judge) noScaleInBelowNeed() {
	for i, m := range j.moments {
		if m.Replicas >= m.Before {
			continue
		}
		since := j.beforeLosses(i)
		if j.hides(i) || j.saturatedBesidePaused(i) || since < m.At-j.stabilization() {
			j.excused[noScaleIn]++
			continue
		}
		j.judged[noScaleIn]++
		least, _ := j.between(since, m.At)
		if needed := least * (1 - j.errorSince(m.At-j.stabilization()-j.lookback(), m.At)) / j.target; needed > float64(m.Replicas) {
			j.violate(i, noScaleIn, "%.2f are needed", needed)
		}
	}
}

// noOscillation: under a steady demand and without events the pool settles.
func (j *judge) noOscillation() {
	const settling = 15 * time.Minute
	if j.shape != "constant" || len(j.Events) > 0 {
		return
	}
	direction := int32(0)
	for i, m := range j.moments {
		if m.At < settling {
			continue
		}
		if j.stabilization() < j.hidden() && !*strict {
			j.excused[noTurns]++ // As of a scale-in: see hides.
			continue
		}
		j.judged[noTurns]++
		change := m.Replicas - m.Before
		if change == 0 {
			continue
		}
		if change*direction < 0 {
			j.violate(i, noTurns, "the demand is steady")
		}
		direction = change
	}
}

// valuesMakeSense: no answer is negative, nor more than all guests can do.
func (j *judge) valuesMakeSense() {
	for i, m := range j.moments {
		j.judged[sensibleValues]++
		values := slices.Clone(m.Readings[0].ValuesMilli)
		for _, v := range m.Readings[0].Pods {
			values = append(values, v.ValueMilli)
		}
		if m.Replicas < 1 || len(values) > 0 && slices.Min(values) < 0 {
			j.violate(i, sensibleValues, "%v", values)
		}
	}
}
