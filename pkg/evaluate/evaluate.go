package evaluate

import (
	"fmt"
	"time"

	"guest-metrics-server/pkg/guesthttp"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/reason"
)

// evaluate returns the value of an object from its members, or why there is
// none.
func (p *Provider) evaluate(q question, members []inventory.Member) (metric.Reading, *reason.Error) {
	if q.Kind.IsGroup() {
		return p.group(q, members)
	}
	if len(members) == 0 {
		if q.Kind == inventory.Pods {
			return metric.Reading{}, reason.Errorf(reason.NoActivePod, "it is not the active launcher pod of a VirtualMachineInstance")
		}
		return metric.Reading{}, reason.Errorf(reason.NotRunning, "it has no VirtualMachineInstance: it is stopped")
	}
	return p.assess(members[0], q.Metric, q.match)
}

// assess returns the metric of one VMI, or why it is unknown.
func (p *Provider) assess(m inventory.Member, served *metric.Metric, match metric.Match) (metric.Reading, *reason.Error) {
	if m.Standing != nil {
		return metric.Reading{}, m.Standing
	}
	reading, err := p.read(m, served, match)
	if err == nil {
		return reading, nil
	}
	// A newcomer has no rate yet that is not of its boot. It is no more than
	// warming up, and no reason to take it to be like the others.
	lacksSamples := err.Code == reason.NoSample || err.Code == reason.OneSample
	if lacksSamples && p.Now().Sub(m.CountsSince) < p.RateWindow {
		return metric.Reading{}, reason.Errorf(reason.WarmingUp, "warmed up, a rate needs two samples since")
	}
	return metric.Reading{}, err
}

// read returns the metric of a VMI that counts, from its samples since then.
func (p *Provider) read(m inventory.Member, served *metric.Metric, match metric.Match) (metric.Reading, *reason.Error) {
	if served.GuestHTTP && m.VMI.Endpoint == nil {
		return metric.Reading{}, whyNoEndpoint(m.VMI)
	}
	w, ok := p.sourceOf(served).History.Window(string(m.VMI.UID))
	if !ok {
		return metric.Reading{}, p.lacking(m.VMI, served, reason.NoSample, "no sample yet")
	}
	now := p.Now()
	if age := now.Sub(w.Newest()); age > p.MaxSampleAge {
		return metric.Reading{}, p.lacking(m.VMI, served, reason.Stale, fmt.Sprintf("no sample for %s", age.Round(time.Second)))
	}
	if served.NeedsAgent && !m.VMI.Agent {
		return metric.Reading{}, reason.Errorf(reason.NoAgent, "the guest agent is not connected")
	}
	reading, err := served.Read(w.Since(m.CountsSince), match)
	if err != nil {
		if why, ok := p.tooLarge(m.VMI, served, err.Series); ok && err.Series != "" {
			err = reason.Errorf(reason.TooLarge, "%s", why)
		}
		return metric.Reading{}, err
	}
	if now.Sub(reading.At) > p.MaxSampleAge {
		return metric.Reading{}, reason.Errorf(reason.OneSample, "its counters began anew, a rate needs a second sample")
	}
	return reading, nil
}

func (p *Provider) sourceOf(served *metric.Metric) Source {
	if served.GuestHTTP {
		return p.Guests
	}
	return p.VirtHandlers
}

func whyNoEndpoint(v *inventory.VMI) *reason.Error {
	if problem, ok := v.EndpointProblem(); ok {
		return reason.Errorf(reason.BadEndpoint, "annotation %s: %s", problem.Annotation, problem.Why)
	}
	return noEndpoint
}

var noEndpoint = reason.Errorf(reason.NoEndpoint, "no annotation %sport says where its status page is", guesthttp.AnnotationPrefix)

// lacking says that a VMI has no sample, and what keeps it away.
func (p *Provider) lacking(v *inventory.VMI, served *metric.Metric, code reason.Code, since string) *reason.Error {
	if why, ok := p.tooLarge(v, served, ""); ok {
		code, since = reason.TooLarge, since+": "+why
	} else {
		since += ": " + p.whyNoSample(v, served)
	}
	return &reason.Error{Code: code, Detail: since}
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
func (p *Provider) group(q question, members []inventory.Member) (metric.Reading, *reason.Error) {
	if len(members) == 0 {
		return metric.Reading{}, reason.Errorf(reason.NoMembers, "it has no VirtualMachineInstance")
	}
	var known metric.Members
	var reasons reason.Tally
	for _, m := range members {
		reading, err := p.assess(m, q.Metric, q.match)
		switch {
		case err == nil:
			known.Readings = append(known.Readings, reading)
			continue
		case err.Code == reason.WarmingUp || err.Code == reason.NotReady:
			known.Warming++
		case err.Code == reason.NoEndpoint && q.Kind == inventory.Namespaces:
			// Of all that is in a namespace, most may serve no HTTP.
		case m.Standing == nil:
			known.Unknown++
		}
		reasons.Add(err)
	}
	reading, err := q.group.Combine(known, p.MinKnownFraction)
	if err != nil {
		return metric.Reading{}, reason.Errorf(reason.TooFewKnown, "%v: %s", err, &reasons)
	}
	return reading, nil
}
