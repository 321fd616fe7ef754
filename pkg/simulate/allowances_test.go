package simulate

import (
	"slices"
	"strings"
	"time"

	"guest-metrics-server/pkg/hpa"
)

// What the properties allow: the errors that the server states, what Kubernetes
// does, and defects of today's rules, which -strict does not allow.

// metricError is how far the launchers' cache puts a rate off over the window:
// docs/accuracy.md.
func (j *judge) metricError() float64 { return j.errorOver(j.Server.RateWindow) }

func (j *judge) errorOver(span time.Duration) float64 {
	if j.Guests.Requests > 0 {
		return 0.02 // Status pages are read fresh, but count whole requests.
	}
	return renewal.Seconds() / span.Seconds()
}

// errorSince is how far the launchers' cache may have put off the sum of rates
// since then. Young rates are over one interval only: all after a start of the
// server and after an outage of a node, otherwise those of newcomers and of guests
// that something happened to.
func (j *judge) errorSince(since, until time.Duration) float64 {
	if since < 0 {
		return j.errorOver(j.Server.ScrapeInterval)
	}
	fewest, most, young := j.HPA.Spec.MaxReplicas, int32(1), 0
	for _, m := range j.moments {
		if m.At < since-j.hidden() || m.At > until {
			continue
		}
		if m.Readings[0].Err != nil {
			return j.errorOver(j.Server.ScrapeInterval) // An outage, however long ago it began.
		}
		fewest, most = min(fewest, m.Before), max(most, m.Before)
		for _, e := range m.Events {
			if young++; strings.HasPrefix(e, string(ServerStarts)) || strings.HasPrefix(e, string(NodeUnread)) {
				return j.errorOver(j.Server.ScrapeInterval)
			}
		}
	}
	share := min(1, float64(int(most-fewest)+young)/float64(most))
	return share*j.errorOver(j.Server.ScrapeInterval) + (1-share)*j.metricError()
}

// hidden is for how long newcomers may do work that nobody counts, from when the
// HPA asks for the first of them until the last has a rate.
func (j *judge) hidden() time.Duration {
	return j.Guests.MaxBoot + j.Server.Warmup + 2*j.Server.ScrapeInterval + j.Server.RateWindow
}

// supposed reports whether a recommendation of the stabilization window comes from
// pods without a value: the HPA takes those to be at the target while it would
// scale in, so that it hardly does.
func (j *judge) supposed(moment int) bool {
	since := j.moments[moment].At - j.stabilization()
	for ; moment >= 0 && j.moments[moment].At >= since; moment-- {
		if j.moments[moment].supposes() {
			return true
		}
	}
	return false
}

// supposes reports whether the HPA had to make up values: 0 for pods without one
// while it would scale out, the target while it would scale in.
func (m Moment) supposes() bool {
	return slices.ContainsFunc(m.Decision.Proposals, func(p hpa.Proposal) bool { return len(p.Groups.Missing) > 0 })
}

// overestimated is by what factor the members that do not work may have raised
// the value, or what the HPA makes of it.
func (j *judge) overestimated(moment int, since time.Duration) float64 {
	factor := 1.0
	for ; moment >= 0 && j.moments[moment].At >= since; moment-- {
		m := j.moments[moment]
		idle := m.Down // The server cannot know that they do no work: they are unknown, as of a node that it cannot read.
		if j.form.metric.TargetType == hpa.Value {
			// The HPA multiplies by all Ready pods: also by those of VMIs that are
			// being deleted, that are paused, or were until just now.
			idle += m.Leaving + max(m.Paused, m.count(GuestPaused))
		}
		factor = max(factor, float64(m.Working+idle)/float64(max(1, m.Working)))
	}
	return factor
}

// comparesReady reports whether members were not Ready within the stabilization
// window, where the HPA has a Value. Kubernetes compares the mean with the target
// for the Ready pods only: it scales out within the tolerance of all replicas, and
// keeps all replicas when the Ready ones are within it.
func (j *judge) comparesReady(moment int) bool {
	since := j.moments[moment].At - j.stabilization() - j.lookback()
	for ; moment >= 0 && j.moments[moment].At >= since && j.form.metric.TargetType == hpa.Value; moment-- {
		if m := j.moments[moment]; m.Working < int(m.Before) {
			return true
		}
	}
	return false
}

// beforeOutages is how old the work can be that the recommendations of the
// stabilization window speak of: the first rate after an outage spans it.
func (j *judge) beforeOutages(moment int) time.Duration {
	since := j.moments[moment].At - j.stabilization() - j.lookback()
	longest := since - maxSpan*j.Server.RateWindow
	for ; moment >= 0 && j.moments[moment].At >= longest; moment-- {
		if m := j.moments[moment]; m.count(NodeUnread)+m.count(GuestUnread) > 0 {
			since = min(since, m.At-j.lookback())
		}
	}
	return since
}

// maxSpan is how many rate windows a rate spans at most: docs/accuracy.md.
const maxSpan = 10

// saturatedBesidePaused reports whether members were paused all the time: those
// that work are saturated then, and cannot show what the pool lacks.
func (j *judge) saturatedBesidePaused(moment int) bool {
	for since := j.moments[moment].At - j.stabilization(); moment >= 0 && j.moments[moment].At >= since; moment-- {
		if j.moments[moment].Paused == 0 {
			return false
		}
	}
	return true
}

// hides reports whether newcomers may do work that nobody counts, for longer than
// the stabilization bridges. Until that is mended (newcomers add to a group when
// its other members have lost their work) such an HPA scales in.
func (j *judge) hides(moment int) bool {
	hidden := j.hidden()
	since, newcomers := j.moments[moment].At-j.stabilization()-hidden, false
	for ; moment >= 0 && j.moments[moment].At >= since; moment-- {
		m := j.moments[moment]
		newcomers = newcomers || m.Replicas > m.Before || m.restarts() || m.Down > 0
		if m.Readings[0].Err != nil || m.Down > 0 {
			hidden += syncPeriod // What was recommended before is forgotten in the meantime.
		}
	}
	return newcomers && j.stabilization() < hidden && !*strict
}

// count returns how many events of a kind there were.
func (m Moment) count(kind Kind) int {
	n := 0
	for _, e := range m.Events {
		if strings.HasPrefix(e, string(kind)) {
			n++
		}
	}
	return n
}

// restarts reports whether VMIs began to be replaced by others.
func (m Moment) restarts() bool { return m.count(GuestDies)+m.count(NodeDown) > 0 }

// beforeLosses is how old the work can be that an answer speaks of, while the
// windows of the members lack the work of those that left. Until that is mended
// one scale-in may lead to the next.
func (j *judge) beforeLosses(moment int) time.Duration {
	since := j.moments[moment].At - j.lookback()
	for k := moment - 1; k >= 0 && j.moments[k].At >= since && !*strict; k-- {
		if m := j.moments[k]; m.Replicas < m.Before || m.restarts() {
			since = m.At - j.lookback()
		}
	}
	return since
}
