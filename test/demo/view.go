package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// plainView prints a line when something changed, for a pipe or a log.
type plainView struct {
	out         io.Writer
	title, last string
}

func newPlainView(out io.Writer) *plainView { return &plainView{out: out} }

func (v *plainView) show(o observation) {
	var parts []string
	for _, g := range o.guests {
		parts = append(parts, fmt.Sprintf("%s does %.0f%% reads %s", g.Name, g.Percent, percent(g.value)))
	}
	line := fmt.Sprintf("replicas %d  hpa %s/%s wants %d  %s", o.replicas, percent(o.hpa.value), percent(o.hpa.target), o.hpa.desired, strings.Join(parts, ", "))
	if line == v.last {
		return
	}
	if o.title != v.title {
		fmt.Fprintf(v.out, "\n%s\n", o.title)
	}
	v.title, v.last = o.title, line
	fmt.Fprintf(v.out, "%5.0fs  %s\n", o.at.Seconds(), line)
}

// liveView redraws a screen each time.
type liveView struct {
	out     io.Writer
	history []sample
}

// sample is a point of the chart.
type sample struct {
	replicas int
	work     float64
}

const (
	chartWidth = 72
	barWidth   = 20
	clear      = "\x1b[H\x1b[2J"
	bold       = "\x1b[1m"
	plain      = "\x1b[0m"
)

func newLiveView(out io.Writer) *liveView { return &liveView{out: out} }

func (v *liveView) show(o observation) {
	v.history = append(v.history, sample{o.replicas, o.work})
	var s strings.Builder
	s.WriteString(clear)
	fmt.Fprintf(&s, "%sguest-metrics-server%s  the stock HPA scales a VirtualMachinePool on guest CPU   %s\n", bold, plain, o.at.Truncate(time.Second))
	fmt.Fprintf(&s, "%s\n\n", o.title)
	fmt.Fprintf(&s, "%-16s %-8s %-*s  %s\n", "VMI", "node", barWidth+5, "what the guest does", metric)
	for _, g := range o.guests {
		known := percent(g.value)
		if g.value != "" {
			known = fmt.Sprintf("%-6s over %2d s, %s old", known, g.window, g.age)
		}
		fmt.Fprintf(&s, "%-16s %-8s %s %3.0f%%  %s\n", g.Name, g.Node, bar(g.Percent), g.Percent, known)
	}
	fmt.Fprintf(&s, "\nHPA  %s now, target %s: %d replicas, wants %d (%d to %d)\n",
		percent(o.hpa.value), percent(o.hpa.target), o.replicas, o.hpa.desired, o.hpa.min, o.hpa.max)
	fmt.Fprintf(&s, "%s\n\n%s", o.hpa.condition, chart(v.history, int(o.hpa.max)))
	_, _ = io.WriteString(v.out, s.String())
}

func bar(percent float64) string {
	full := int(math.Round(percent / 100 * barWidth))
	return strings.Repeat("█", full) + strings.Repeat("·", barWidth-full)
}

// percent renders a quantity such as 84250m as 84%, and what is none as unknown.
func percent(quantity string) string {
	q, err := resource.ParseQuantity(quantity)
	if err != nil {
		return "unknown"
	}
	return strconv.FormatFloat(math.Round(q.AsApproximateFloat64()), 'f', -1, 64) + "%"
}

// chart draws the replicas over time, a column a second and the newest last.
func chart(history []sample, top int) string {
	if len(history) > chartWidth {
		history = history[len(history)-chartWidth:]
	}
	var s strings.Builder
	for level := top; level > 0; level-- {
		fmt.Fprintf(&s, "%2d │", level)
		for _, h := range history {
			if h.replicas >= level {
				s.WriteString("█")
			} else {
				s.WriteString(" ")
			}
		}
		s.WriteString("\n")
	}
	fmt.Fprintf(&s, "   └%s replicas\n    ", strings.Repeat("─", chartWidth))
	for _, h := range history {
		if h.work > 0 {
			s.WriteString("▂")
		} else {
			s.WriteString(" ")
		}
	}
	return s.String() + strings.Repeat(" ", chartWidth-len(history)) + " work\n"
}
