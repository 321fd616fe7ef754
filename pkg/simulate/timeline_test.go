package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// timeline renders the moments around one.
func (j *judge) timeline(moment int) string {
	const around = 24
	var out strings.Builder
	fmt.Fprintf(&out, "%8s %7s %7s %7s %7s %7s %9s  %s\n", "time", "demand", "needed", "working", "paused", "down", "replicas", "answer, events")
	for i := max(0, moment-around); i < min(len(j.moments), moment+around/3); i++ {
		m := j.moments[i]
		answer := fmt.Sprint(m.Readings[0].ValuesMilli)
		switch {
		case m.Readings[0].Err != nil:
			answer = m.Readings[0].Err.Error()
		case m.Readings[0].Pods != nil:
			var values []int64
			for _, v := range m.Readings[0].Pods {
				values = append(values, v.ValueMilli)
			}
			slices.Sort(values)
			answer = fmt.Sprint(values)
		}
		mark := " "
		if i == moment {
			mark = ">"
		}
		fmt.Fprintf(&out, "%s%7s %7.2f %7.2f %7d %7d %7d %3d -> %2d  %s %s\n", mark, m.At.Truncate(time.Second), m.Demand, m.Demand/j.target,
			m.Working, m.Paused, m.Down, m.Before, m.Replicas, answer, strings.Join(m.Events, ", "))
	}
	return out.String()
}
