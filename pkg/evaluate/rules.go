package evaluate

import (
	"slices"
	"time"

	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/reason"
)

// evaluate returns the value of an object from its members, or why there is
// none.
func (e *Evaluator) evaluate(q question, members []inventory.Member) (metric.Reading, *reason.Error) {
	if q.Kind.IsGroup() {
		return e.group(q, members)
	}
	if len(members) == 0 {
		if q.Kind == inventory.Pods {
			return metric.Reading{}, reason.Errorf(reason.NoActivePod, "it is not the active launcher pod of a VirtualMachineInstance")
		}
		return metric.Reading{}, reason.Errorf(reason.NotRunning, "it has no VirtualMachineInstance: it is stopped")
	}
	return e.assess(members[0], q.Metric, q.match)
}

// assess returns the metric of one VMI, or why it is unknown.
func (e *Evaluator) assess(m inventory.Member, served *metric.Metric, match metric.Match) (metric.Reading, *reason.Error) {
	if m.Excluded != nil {
		return metric.Reading{}, m.Excluded
	}
	if m.Unknown != nil {
		return metric.Reading{}, m.Unknown
	}
	reading, err := e.read(m, served, match)
	if err == nil {
		return reading, nil
	}
	// A newcomer has no rate yet that is not of its boot: it goes on warming up.
	if e.lacksRate(served, err, m.CountsSince) {
		return metric.Reading{}, reason.Errorf(reason.WarmingUp, "warmed up, and has no rate since: %s", err)
	}
	return metric.Reading{}, err
}

// lacksRate reports whether the reason is that there has been no rate since the
// given time, which is not longer ago than a rate may take. What is not reported
// may not have been read yet.
func (e *Evaluator) lacksRate(served *metric.Metric, err *reason.Error, since time.Time) bool {
	lacks := err.Code == reason.NoSample || err.Code == reason.OneSample || err.Code == reason.Stale || err.Code == reason.NotReported && served.IsRate
	return lacks && e.Now().Sub(since) <= e.MaxSampleAge
}

// read returns the metric of a VMI that counts, from its samples since then. The
// rules stand in the order in which they are looked at.
func (e *Evaluator) read(m inventory.Member, served *metric.Metric, match metric.Match) (metric.Reading, *reason.Error) {
	source, now := e.Sources[served.Source], e.Now()
	w, err := source.Window(m.VMI)
	if err != nil {
		return metric.Reading{}, err
	}
	if age := now.Sub(w.Newest()); age > e.MaxSampleAge {
		why := source.Silence(m.VMI)
		return metric.Reading{}, reason.Errorf(why.Code, "no sample for %s: %s", age.Round(time.Second), why)
	}
	if served.NeedsAgent && !m.VMI.Agent {
		return metric.Reading{}, reason.Errorf(reason.NoAgent, "the guest agent is not connected")
	}
	reading, err := served.Read(w.Since(m.CountsSince).Recent(now.Add(-e.MaxSampleAge)), match)
	if err != nil && err.Series != "" {
		err = source.Missing(m.VMI, err.Series)
	}
	return reading, err
}

// group returns the value of all members together.
func (e *Evaluator) group(q question, members []inventory.Member) (metric.Reading, *reason.Error) {
	if len(members) == 0 {
		return metric.Reading{}, reason.Errorf(reason.NoMembers, "it has no VirtualMachineInstance")
	}
	anyCounts := slices.ContainsFunc(members, func(m inventory.Member) bool { return m.Excluded == nil })
	var known metric.Members
	var reasons reason.Tally
	for _, m := range members {
		reading, err := e.assess(m, q.Metric, q.match)
		if err == nil {
			if othersCarry(m, members) {
				reading.Value *= e.sharedPart(m, reading)
			}
			known.Readings = append(known.Readings, reading)
			continue
		}
		reasons.Add(err)
		switch {
		case err.Code == reason.NotReady:
			// No load reaches it.
		case (err.Code == reason.WarmingUp || e.lacksRate(q.Metric, err, m.VMI.Resumed)) && othersCarry(m, members):
			known.Warming = append(known.Warming, e.weight(m, q.Metric))
		case err.Code == reason.NoEndpoint && q.Kind == inventory.Namespaces:
			// Of all that is in a namespace, most may serve no HTTP.
		case m.Excluded == nil || err.Code == reason.WarmingUp && anyCounts:
			known.Unknown++
		}
	}
	reading, err := q.group.Combine(known, e.MinKnownFraction)
	if err != nil {
		return metric.Reading{}, reason.Errorf(reason.TooFewKnown, "%v: %s", err, &reasons)
	}
	return reading, nil
}

// sharedPart returns which part of its rate a member adds to a group. One that
// joined within the window has a rate over less of it than the others, whose
// windows hold the work that it has taken over. Its own work is spread over as
// long a time as theirs, so that no work counts twice.
func (e *Evaluator) sharedPart(m inventory.Member, reading metric.Reading) float64 {
	if reading.Span == 0 || reading.At.Sub(joined(m)) >= e.RateWindow {
		return 1
	}
	return min(1, reading.Span.Seconds()/e.RateWindow.Seconds())
}

// othersCarry reports whether some member counted before m became Ready, or went
// on after a pause. It carried m's share of the load, and its window may still
// hold that: m itself adds nothing yet. Members that became Ready together carry
// no load of each other.
func othersCarry(m inventory.Member, members []inventory.Member) bool {
	return slices.ContainsFunc(members, func(other inventory.Member) bool {
		return other.Excluded == nil && later(other.CountsSince, other.VMI.Resumed).Before(joined(m))
	})
}

// joined returns when a member began, or went on after a pause, to share the
// group's load. One that lost Ready after its warm-up has counted all the time.
func joined(m inventory.Member) time.Time {
	if m.CountsSince.Before(m.ReadySince) {
		return m.VMI.Resumed
	}
	return later(m.ReadySince, m.VMI.Resumed)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// weight returns what a member weighs in a mean, 0 where that is not known.
func (e *Evaluator) weight(m inventory.Member, served *metric.Metric) float64 {
	w, err := e.Sources[served.Source].Window(m.VMI)
	if err != nil {
		return 0
	}
	reading, err := served.Read(w, metric.Every)
	if err != nil {
		return 0
	}
	return reading.Weight
}
