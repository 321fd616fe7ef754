package explain

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// mostEvents is how many events a report shows, the newest.
const mostEvents = 10

// happened says what the controller itself has written down.
func (s *Snapshot) happened() *Section {
	section := newSection("What the controller did")
	status := s.HPA.Status
	if len(status.Conditions) == 0 {
		section.observe("nothing yet: the HPA has no conditions. If that stays for a minute, the HPA controller does not run or cannot write the HPA's status")
		return section
	}
	section.observe("at its last sync it saw %s and wanted %d", count(int(status.CurrentReplicas), "replica"), status.DesiredReplicas)
	for i, m := range status.CurrentMetrics {
		if text := currentValue(m); text != "" {
			section.observe("its value of metric %d was %s", i+1, text)
		}
	}
	if t := status.LastScaleTime; t != nil {
		section.observe("it scaled last %s ago, at %s", age(s.Time, t.Time), t.UTC().Format(time.RFC3339))
	} else {
		section.observe("it has never scaled")
	}
	for _, c := range status.Conditions {
		section.observe("%s is %s (%s): %s", c.Type, c.Status, c.Reason, c.Message)
	}
	events := slices.Clone(s.Events)
	slices.SortStableFunc(events, func(a, b corev1.Event) int { return eventTime(a).Compare(eventTime(b)) })
	for _, e := range events[max(0, len(events)-mostEvents):] {
		times := ""
		if e.Count > 1 {
			times = fmt.Sprintf(", %d times", e.Count)
		}
		section.observe("event %s ago%s, %s: %s", age(s.Time, eventTime(e)), times, e.Reason, strings.TrimSpace(e.Message))
	}
	return section
}

// currentValue is a metric's value in an HPA's status.
func currentValue(m autoscalingv2.MetricStatus) string {
	var v autoscalingv2.MetricValueStatus
	switch {
	case m.Pods != nil:
		v = m.Pods.Current
	case m.Object != nil:
		v = m.Object.Current
	case m.External != nil:
		v = m.External.Current
	case m.Resource != nil:
		v = m.Resource.Current
	case m.ContainerResource != nil:
		v = m.ContainerResource.Current
	}
	switch {
	case v.AverageUtilization != nil:
		return fmt.Sprintf("%d %% of the requests", *v.AverageUtilization)
	case v.AverageValue != nil:
		return milli(v.AverageValue.MilliValue()) + " per replica"
	case v.Value != nil:
		return milli(v.Value.MilliValue())
	default:
		return ""
	}
}

func eventTime(e corev1.Event) time.Time {
	switch {
	case e.Series != nil && !e.Series.LastObservedTime.IsZero():
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	default:
		return e.EventTime.Time
	}
}

// rescale is a change that an event tells of.
type rescale struct {
	size int32
	time time.Time
}

// newSize is the message of the controller's event (horizontal.go,
// reconcileAutoscaler).
var newSize = regexp.MustCompile(`^New size: (\d+);`)

// rescalesOf are the changes that events tell of, in their order.
func rescalesOf(events []corev1.Event) []rescale {
	var rescales []rescale
	for _, e := range events {
		match := newSize.FindStringSubmatch(e.Message)
		if e.Reason != "SuccessfulRescale" || match == nil {
			continue
		}
		if size, err := strconv.ParseInt(match[1], 10, 32); err == nil {
			rescales = append(rescales, rescale{int32(size), eventTime(e)})
		}
	}
	slices.SortStableFunc(rescales, func(a, b rescale) int { return a.time.Compare(b.time) })
	return rescales
}

// age is how long before now a time was, for people.
func age(now, t time.Time) string { return duration.HumanDuration(max(0, now.Sub(t))) }
