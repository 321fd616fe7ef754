package explain

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"guest-metrics-server/pkg/hpa"
)

// proposal puts into words what package hpa computed for one metric.
type proposal struct {
	hpa.Proposal
	metric    hpa.Metric
	reading   hpa.Reading
	target    Target
	tolerance hpa.Tolerance
}

func (p proposal) explain(section *Section) {
	if len(p.Groups.Ready)+len(p.Groups.Missing)+len(p.Groups.Unready)+len(p.Groups.Ignored) > 0 {
		p.explainGroups(section)
	}
	switch {
	case p.reading.Err != nil:
		section.conclude("without an answer the metric is invalid")
		return
	case p.Err != nil:
		section.conclude("the metric is invalid: %v", p.Err)
		return
	}
	switch p.metric.Source {
	case hpa.Object, hpa.External:
		p.explainValue(section)
	default:
		p.explainPods(section)
	}
}

// explainValue is for Object and External metrics.
func (p proposal) explainValue(section *Section) {
	value := milli(p.UsageMilli)
	target := milli(p.metric.TargetMilli)
	if p.metric.TargetType == hpa.AverageValue {
		value = p.total()
		section.conclude("%s / (target %s × %s) = %s%s", value, target, count(int(p.target.StatusReplicas), "replica"), ratio(p.Ratio), p.ofTolerance(p.Ratio))
		if p.Outcome == hpa.Scaled {
			section.conclude("%s / target %s, rounded up: %d", value, target, p.Replicas)
		}
		return
	}
	section.conclude("%s / target %s = %s%s", value, target, ratio(p.Ratio), p.ofTolerance(p.Ratio))
	switch p.Outcome {
	case hpa.FromZero:
		section.conclude("there are no replicas to multiply by: %s, rounded up, is %d", ratio(p.Ratio), p.Replicas)
	case hpa.Scaled:
		section.conclude("%s × %s Running and Ready, rounded up: %d", ratio(p.Ratio), count(p.ReadyPods, "pod"), p.Replicas)
	}
}

// total is the answer of an Object or External metric, all series together.
func (p proposal) total() string {
	parts := make([]string, len(p.reading.ValuesMilli))
	for i, v := range p.reading.ValuesMilli {
		parts[i] = milli(v)
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, " + ") + ")"
}

// explainGroups says how the controller counts the pods.
func (p proposal) explainGroups(section *Section) {
	g := p.Groups
	add := func(names []string, one, many string) {
		if len(names) > 0 {
			verb := one
			if len(names) > 1 {
				verb = many
			}
			section.conclude("%s %s: %s", count(len(names), "pod"), verb, list(names))
		}
	}
	add(g.Ready, "has a value that counts", "have a value that counts")
	add(g.Missing, "is missing, without a value", "are missing, without a value")
	add(g.Unready, "is not ready, so its value does not count", "are not ready, so their values do not count")
	add(g.Ignored, "is ignored, being deleted or finished", "are ignored, being deleted or finished")
	if strays := p.strays(); len(strays) > 0 {
		section.conclude("%s the selector does not find, and the controller counts all the same: %s", count(len(strays), "value")+" of pods that", list(strays))
	}
}

// strays are pods that have a value though the selector does not find them.
func (p proposal) strays() []string {
	var strays []string
	known := slices.Concat(p.Groups.Ready, p.Groups.Missing, p.Groups.Unready, p.Groups.Ignored)
	for _, name := range slices.Sorted(maps.Keys(p.reading.Pods)) {
		if !slices.Contains(known, name) {
			strays = append(strays, name)
		}
	}
	return strays
}

// explainPods is for metrics that have a value for each pod.
func (p proposal) explainPods(section *Section) {
	if p.metric.TargetType == hpa.Utilization {
		section.conclude("they use %d %% of what they request; %d / target %d = %s%s", p.UtilizationPercent, p.UtilizationPercent, p.metric.TargetPercent, ratio(p.Ratio), p.ofTolerance(p.Ratio))
	} else {
		section.conclude("their mean is %s; %s / target %s = %s%s", milli(p.UsageMilli), milli(p.UsageMilli), milli(p.metric.TargetMilli), ratio(p.Ratio), p.ofTolerance(p.Ratio))
	}
	switch p.Outcome {
	case hpa.WithinTolerance:
		return
	case hpa.Scaled:
		section.conclude("%s × %s, rounded up: %d", ratio(p.Ratio), count(len(p.Groups.Ready), "pod"), p.Replicas)
		return
	}
	for _, value := range slices.Compact(slices.Sorted(maps.Values(p.AssumedMilli))) {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(p.AssumedMilli)) {
			if p.AssumedMilli[name] == value {
				names = append(names, name)
			}
		}
		section.conclude("to be cautious it takes %s for %s: %s", milli(value), count(len(names), "pod"), list(names))
	}
	pods := len(p.Groups.Ready) + len(p.strays()) + len(p.AssumedMilli)
	switch p.Outcome {
	case hpa.AdjustedWithinTolerance:
		section.conclude("with these the ratio is %s%s", ratio(p.AdjustedRatio), p.ofTolerance(p.AdjustedRatio))
	case hpa.DirectionChanged:
		section.conclude("with these the ratio is %s, on the other side of 1: it asks for the present %d", ratio(p.AdjustedRatio), p.Replicas)
	case hpa.ReplicasAgainstRatio:
		section.conclude("with these the ratio is %s, and times %s that goes against it: it asks for the present %d", ratio(p.AdjustedRatio), count(pods, "pod"), p.Replicas)
	case hpa.ScaledAdjusted:
		section.conclude("with these the ratio is %s; × %s, rounded up: %d", ratio(p.AdjustedRatio), count(pods, "pod"), p.Replicas)
	}
}

// ofTolerance says what the tolerance makes of a ratio.
func (p proposal) ofTolerance(of float64) string {
	within := fmt.Sprintf("the tolerance (%s to %s)", ratio(1-p.tolerance.ScaleDown), ratio(1+p.tolerance.ScaleUp))
	switch p.Outcome {
	case hpa.WithinTolerance, hpa.AdjustedWithinTolerance:
		if p.Outcome == hpa.WithinTolerance || of == p.AdjustedRatio {
			return fmt.Sprintf(", within %s: it asks for the present %d", within, p.Replicas)
		}
	}
	// With pods that were given a value, the first ratio is compared with 1 alone.
	side, than := "below ", "1"
	if of > 1 {
		side = "above "
	}
	if p.AssumedMilli == nil {
		than = within
	}
	return ", " + side + than
}

// milli is a value in thousandths, for people.
func milli(value int64) string {
	return strconv.FormatFloat(float64(value)/1000, 'f', -1, 64)
}

// ratio has as many digits as say something.
func ratio(r float64) string { return strconv.FormatFloat(r, 'g', 4, 64) }

// list names a few.
func list(names []string) string {
	const most = 8
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
