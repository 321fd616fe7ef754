package provider

import (
	"fmt"
	"strings"
	"time"

	"guest-metrics-server/pkg/guesthttp"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/unknown"
)

// evaluate returns the value of an object from its members, or why there is
// none.
func (p *Provider) evaluate(q question, members []inventory.Member) (metric.Reading, *unknown.Error) {
	if q.Kind.IsGroup() {
		return p.group(q, members)
	}
	if len(members) == 0 {
		if q.Kind == inventory.Pods {
			return metric.Reading{}, unknown.Errorf(unknown.NoActivePod, "it is not the active launcher pod of a VirtualMachineInstance")
		}
		return metric.Reading{}, unknown.Errorf(unknown.NotRunning, "it has no VirtualMachineInstance: it is stopped")
	}
	return p.assess(members[0], q.Metric, q.match)
}

// assess returns the metric of one VMI, or why it is unknown.
func (p *Provider) assess(m inventory.Member, served *metric.Metric, match metric.Match) (metric.Reading, *unknown.Error) {
	if m.Standing != nil {
		return metric.Reading{}, m.Standing
	}
	reading, err := p.read(m, served, match)
	if err == nil {
		return reading, nil
	}
	// A newcomer has no rate yet that is not of its boot. It is no more than
	// warming up, and no reason to take it to be like the others.
	lacksSamples := err.Reason == unknown.NoSample || err.Reason == unknown.OneSample
	if lacksSamples && p.Now().Sub(m.CountsSince) < p.RateWindow {
		return metric.Reading{}, unknown.Errorf(unknown.WarmingUp, "warmed up, a rate needs two samples since")
	}
	return metric.Reading{}, err
}

// read returns the metric of a VMI that counts, from its samples since then.
func (p *Provider) read(m inventory.Member, served *metric.Metric, match metric.Match) (metric.Reading, *unknown.Error) {
	if served.GuestHTTP && m.VMI.Endpoint == nil {
		return metric.Reading{}, whyNoEndpoint(m.VMI)
	}
	w, ok := p.sourceOf(served).History.Window(string(m.VMI.UID))
	if !ok {
		return metric.Reading{}, p.lacking(m.VMI, served, unknown.NoSample, "no sample yet")
	}
	now := p.Now()
	if age := now.Sub(w.Newest()); age > p.MaxSampleAge {
		return metric.Reading{}, p.lacking(m.VMI, served, unknown.Stale, fmt.Sprintf("no sample for %s", age.Round(time.Second)))
	}
	if served.NeedsAgent && !m.VMI.Agent {
		return metric.Reading{}, unknown.Errorf(unknown.NoAgent, "the guest agent is not connected")
	}
	reading, err := served.Read(w.Since(m.CountsSince), match)
	if err != nil {
		if why, ok := p.tooLarge(m.VMI, served, err.Series); ok && err.Series != "" {
			err = unknown.Errorf(unknown.TooLarge, "%s", why)
		}
		return metric.Reading{}, err
	}
	if now.Sub(reading.At) > p.MaxSampleAge {
		return metric.Reading{}, unknown.Errorf(unknown.OneSample, "its counters began anew, a rate needs a second sample")
	}
	return reading, nil
}

func (p *Provider) sourceOf(served *metric.Metric) Source {
	if served.GuestHTTP {
		return p.Guests
	}
	return p.VirtHandlers
}

func whyNoEndpoint(v *inventory.VMI) *unknown.Error {
	if problem, ok := v.EndpointProblem(); ok {
		return unknown.Errorf(unknown.BadEndpoint, "annotation %s: %s", problem.Annotation, problem.Why)
	}
	return noEndpoint
}

var noEndpoint = unknown.Errorf(unknown.NoEndpoint, "no annotation %sport says where its status page is", guesthttp.AnnotationPrefix)

// lacking says that a VMI has no sample, and what keeps it away.
func (p *Provider) lacking(v *inventory.VMI, served *metric.Metric, reason unknown.Reason, since string) *unknown.Error {
	if why, ok := p.tooLarge(v, served, ""); ok {
		reason, since = unknown.TooLarge, since+": "+why
	} else {
		since += ": " + p.whyNoSample(v, served)
	}
	return &unknown.Error{Reason: reason, Detail: since}
}

func (p *Provider) tooLarge(v *inventory.VMI, served *metric.Metric, series string) (why string, ok bool) {
	source := p.sourceOf(served)
	if source.TooLarge == nil {
		return "", false
	}
	if status, _ := source.Status(v.Node); status.Err != nil {
		return "", false // It is of an older response.
	}
	return source.TooLarge(v, series)
}

// whyNoSample tells what keeps a VMI's samples away.
func (p *Provider) whyNoSample(v *inventory.VMI, served *metric.Metric) string {
	target, who := v.Node, "virt-handler on node "+v.Node
	missing, silent := "no virt-handler pod runs on node "+v.Node, "answers, but without this VMI: its launcher may hang"
	if served.GuestHTTP {
		target, who = v.Namespace+"/"+v.Name, "the guest's status page"
		missing, silent = "the active launcher pod has no address yet", "is read"
	}
	status, ok := p.sourceOf(served).Status(target)
	switch {
	case !ok:
		return missing
	case status.Err != nil:
		return fmt.Sprintf("%s: %s", who, status.Err)
	case status.LastSuccess.IsZero():
		return who + " has not been scraped yet"
	default:
		return who + " " + silent
	}
}

// group returns the value of all members together.
func (p *Provider) group(q question, members []inventory.Member) (metric.Reading, *unknown.Error) {
	if len(members) == 0 {
		return metric.Reading{}, unknown.Errorf(unknown.NoMembers, "it has no VirtualMachineInstance")
	}
	var known metric.Members
	var reasons tally
	for _, m := range members {
		reading, err := p.assess(m, q.Metric, q.match)
		switch {
		case err == nil:
			known.Readings = append(known.Readings, reading)
			continue
		case err.Reason == unknown.WarmingUp || err.Reason == unknown.NotReady:
			known.Warming++
		case err.Reason == unknown.NoEndpoint && q.Kind == inventory.Namespaces:
			// Of all that is in a namespace, most may serve no HTTP.
		case m.Standing == nil:
			known.Unknown++
		}
		reasons.add(err)
	}
	reading, err := q.group.Combine(known, p.MinKnownFraction)
	if err != nil {
		return metric.Reading{}, unknown.Errorf(unknown.TooFewKnown, "%v: %s", err, &reasons)
	}
	return reading, nil
}

// tally counts why values are unknown and puts it in one line.
type tally struct {
	counts   map[unknown.Reason]int
	examples map[unknown.Reason]string
}

func (t *tally) add(err *unknown.Error) {
	if t.counts == nil {
		t.counts = make(map[unknown.Reason]int)
		t.examples = make(map[unknown.Reason]string)
	}
	if t.counts[err.Reason]++; t.counts[err.Reason] == 1 {
		t.examples[err.Reason] = err.Detail
	}
}

// String lists the reasons with an example of each.
func (t *tally) String() string {
	var parts []string
	for _, reason := range unknown.Reasons() {
		if n := t.counts[reason]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s (%s)", n, reason, t.examples[reason]))
		}
	}
	return strings.Join(parts, ", ")
}
