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

// plainView prints a line when something is served that was not before, for a
// pipe or a log.
type plainView struct {
	act
	out        io.Writer
	step, last string
}

func newPlainView(out io.Writer, a act) *plainView { return &plainView{act: a, out: out} }

func (v *plainView) show(o observation) {
	served := fmt.Sprintf("replicas %d  hpa %s of %s wants %d  ", o.replicas, v.amount(o.hpa.value), v.amount(o.hpa.target), o.hpa.desired)
	line := served
	for i, g := range o.guests {
		if i > 0 {
			line += ", "
		}
		reads := v.amount(g.value)
		served += g.name + reads
		line += fmt.Sprintf("%s does %s reads %s", g.name, v.rounded(g.does), reads)
	}
	if o.step.title == v.step && served == v.last {
		return
	}
	if v.step == "" {
		fmt.Fprintf(v.out, "\n%s\n%s\n", v.title, v.truth)
	}
	if o.step.title != v.step {
		fmt.Fprintf(v.out, "\n%s\n", o.step.title)
	}
	v.step, v.last = o.step.title, served
	fmt.Fprintf(v.out, "%5.0fs  %s\n", o.at.Seconds(), line)
}

// liveView redraws a screen each time.
type liveView struct {
	act
	out     io.Writer
	history []sample
}

// sample is a point of the chart.
type sample struct {
	replicas int
	load     float64 // As a share of the act's peak.
}

const (
	chartWidth = 72
	barWidth   = 20
	clear      = "\x1b[H\x1b[2J"
	bold       = "\x1b[1m"
	plain      = "\x1b[0m"
)

func newLiveView(out io.Writer, a act) *liveView { return &liveView{act: a, out: out} }

func (v *liveView) show(o observation) {
	v.history = append(v.history, sample{o.replicas, o.step.amount / v.peak()})
	var s strings.Builder
	s.WriteString(clear)
	fmt.Fprintf(&s, "%sguest-metrics-server%s  %s   %s\n", bold, plain, v.title, o.at.Truncate(time.Second))
	fmt.Fprintf(&s, "%s\n\n%s\n\n", v.truth, o.step.title)
	fmt.Fprintf(&s, "%-20s %-8s %-*s  %s\n", "VMI", "node", barWidth+7, "what the guest does", v.metric)
	for _, g := range o.guests {
		known := v.amount(g.value)
		if g.value != "" {
			known = fmt.Sprintf("%-6s over %2d s, %s old", known, g.window, g.age)
		}
		fmt.Fprintf(&s, "%-20s %-8s %s %6s  %s\n", g.name, g.node, bar(g.does/v.full), v.rounded(g.does), known)
	}
	fmt.Fprintf(&s, "\nHPA  %s now, target %s: %d replicas, wants %d (%d to %d)\n",
		v.amount(o.hpa.value), v.amount(o.hpa.target), o.replicas, o.hpa.desired, o.hpa.min, o.hpa.max)
	fmt.Fprintf(&s, "%s\n\n%s", o.hpa.condition, chart(v.history, int(o.hpa.max)))
	_, _ = io.WriteString(v.out, s.String())
}

// bar draws a share, which may be a little more than all.
func bar(share float64) string {
	full := min(barWidth, int(math.Round(share*barWidth)))
	return strings.Repeat("█", full) + strings.Repeat("·", barWidth-full)
}

// amount renders a quantity such as 84250m as 84%, and what is none as unknown.
func (a act) amount(quantity string) string {
	q, err := resource.ParseQuantity(quantity)
	if err != nil {
		return "unknown"
	}
	return a.rounded(q.AsApproximateFloat64())
}

func (a act) rounded(value float64) string {
	return strconv.FormatFloat(math.Round(value), 'f', -1, 64) + a.unit
}

// levels draw a share of the load, from none to all.
var levels = []rune(" ▁▂▃▄▅▆▇█")

// chart draws the replicas and the load over time, a column a second and the newest last.
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
		s.WriteRune(levels[int(math.Ceil(h.load*float64(len(levels)-1)))])
	}
	return s.String() + strings.Repeat(" ", chartWidth-len(history)) + " load\n"
}
