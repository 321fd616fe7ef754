package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

const second = time.Second

// settings are those of the tables. The first is what the server had until this
// was measured.
var settings = []setting{
	{15 * second, 30 * second, server},
	{10 * second, 30 * second, server},
	{2 * cacheAge, 8 * cacheAge, server},
	{4 * cacheAge, 8 * cacheAge, server},
	{6 * cacheAge, 12 * cacheAge, server},
	{3 * cacheAge, 6 * cacheAge, server},
	chosen,
	{3 * cacheAge, 12 * cacheAge, server},
	{5 * cacheAge, 10 * cacheAge, server},
	{3 * cacheAge, 9 * cacheAge, agreeing},
	{3 * cacheAge, 9 * cacheAge, agreeingOthers},
	{3 * cacheAge, 12 * cacheAge, quietEnds},
	{3 * cacheAge, 12 * cacheAge, theilSen},
	{3 * cacheAge, 12 * cacheAge, leastSquares},
	{15 * second, time.Minute, prometheus},
	{30 * second, 2 * time.Minute, prometheus},
}

// chosen is what the server has by default.
var chosen = setting{3 * cacheAge, 9 * cacheAge, server}

// loads are those of the second table.
var loads = []kind{
	noise, ramp(120 * second), walk(120 * second),
	square(20 * second), square(45 * second), square(90 * second), square(120 * second), square(300 * second),
	bursts(10 * second), bursts(30 * second),
}

func main() {
	sc := scale{}
	flag.Uint64Var(&sc.seed, "seed", 1, "seed of all that is drawn")
	flag.IntVar(&sc.guests, "guests", 40, "guests in each cell")
	flag.DurationVar(&sc.length, "length", 35*time.Minute, "virtual time that each guest lives for")
	busy := flag.Float64("busy", 1, "how much later timers are than found")
	flag.Parse()
	fmt.Printf("Seed %d, %d guests for %s each, timers %g times as late as found.\n", sc.seed, sc.guests, sc.length, *busy)
	out := tabwriter.NewWriter(os.Stdout, 0, 4, 1, ' ', 0)
	sc.rest(out, *busy)
	sc.change(out, *busy)
	sc.reaction(out, *busy)
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

func (s setting) String() string {
	return fmt.Sprintf("%s / %s, %s", short(s.interval), short(s.window), s.estimate.name)
}

// rest prints the errors under a constant load.
func (sc scale) rest(out *tabwriter.Writer, busy float64) {
	header(out, "Error in points rms (worst) at a constant 50 %, libvirt's answer after 1-60 ms", names(constellations, func(c constellation) string { return c.name }))
	for _, s := range settings {
		fmt.Fprintf(out, "| %s", s)
		for _, who := range constellations {
			low, high, worst := 1e9, 0.0, 0.0
			for _, renewal := range renewals {
				off, _ := sc.measure(s, who, conditions{renewal, busy}, constant)
				low, high, worst = min(low, off.rms()), max(high, off.rms()), max(worst, off.worst)
			}
			fmt.Fprintf(out, "\t| %.1f-%.1f (%.1f)", low, high, worst)
		}
		fmt.Fprintln(out, "\t|")
	}
}

// change prints the errors under loads that change.
func (sc scale) change(out *tabwriter.Writer, busy float64) {
	for _, who := range []constellation{constellations[1], constellations[3]} {
		header(out, "Error against the window's true mean, points rms (bias), "+who.name, names(loads, func(k kind) string { return k.name }))
		for _, s := range settings {
			fmt.Fprintf(out, "| %s", s)
			for _, k := range loads {
				off, _ := sc.measure(s, who, conditions{renewals[1], busy}, k)
				fmt.Fprintf(out, "\t| %.1f (%+.1f)", off.rms(), off.bias())
			}
			fmt.Fprintln(out, "\t|")
		}
	}
}

// reaction prints how soon a step is seen.
func (sc scale) reaction(out *tabwriter.Writer, busy float64) {
	header(out, "Seconds after a step from 50 to 100 % until 95 are served, median (min-max)", names(constellations, func(c constellation) string { return c.name }))
	for _, s := range settings {
		fmt.Fprintf(out, "| %s", s)
		for _, who := range constellations {
			_, times := sc.measure(s, who, conditions{renewals[1], busy}, steps)
			n := len(times)
			fmt.Fprintf(out, "\t| %.0f (%.0f-%.0f)", times[n/2].Seconds(), times[0].Seconds(), times[n-1].Seconds())
		}
		fmt.Fprintln(out, "\t|")
	}
}

func header(out *tabwriter.Writer, title string, columns []string) {
	fmt.Fprintf(out, "\n%s\n\n| interval / window, estimate", title)
	for _, c := range columns {
		fmt.Fprintf(out, "\t| %s", c)
	}
	fmt.Fprintf(out, "\t|\n|---%s|\n", strings.Repeat("|---", len(columns)))
}

func names[T any](of []T, name func(T) string) []string {
	var all []string
	for _, x := range of {
		all = append(all, name(x))
	}
	return all
}
