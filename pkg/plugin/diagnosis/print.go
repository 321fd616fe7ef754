package diagnosis

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"guest-metrics-server/pkg/plugin/findings"
	"guest-metrics-server/pkg/plugin/printable"
)

// Colors are the escape sequences of the marks, "" for none.
type Colors struct{ OK, Notice, Warning, Problem, Reset string }

// ANSI are the colors of a terminal.
var ANSI = Colors{OK: "\x1b[32m", Notice: "\x1b[36m", Warning: "\x1b[33m", Problem: "\x1b[31m", Reset: "\x1b[0m"}

func (c Colors) mark(r Result) string {
	switch r {
	case OK:
		return c.OK + "√" + c.Reset
	case Warning:
		return c.Warning + "‼" + c.Reset
	case Problem:
		return c.Problem + "×" + c.Reset
	case Notice:
		return c.Notice + "i" + c.Reset
	default:
		return "?"
	}
}

// Print writes the report as text.
func (r *Report) Print(w io.Writer, colors Colors) error {
	var out strings.Builder
	for i, category := range r.Categories {
		if i > 0 {
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "%s\n%s\n", category.Name, strings.Repeat("-", len(category.Name)))
		for _, check := range category.Checks {
			fmt.Fprintf(&out, "%s %s\n", colors.mark(check.Result), printable.Line(check.Statement))
			for _, unseen := range check.Unseen {
				fmt.Fprintf(&out, "    not seen: %s\n", printable.Line(unseen))
			}
			for len(check.Findings) > 0 {
				n := sameCode(check.Findings)
				printFindings(&out, check.Findings[:n], colors)
				check.Findings = check.Findings[n:]
			}
		}
	}
	fmt.Fprintf(&out, "\n%s\n", r.summary())
	_, err := io.WriteString(w, out.String())
	return err
}

// sameCode returns how many findings at the beginning have one code.
func sameCode(list []Finding) int {
	n := 1
	for n < len(list) && list[n].Code == list[0].Code {
		n++
	}
	return n
}

// mostPrinted is how many objects with the same finding are printed.
const mostPrinted = 10

// printFindings prints findings with the same code.
func printFindings(out *strings.Builder, list []Finding, colors Colors) {
	first := list[0]
	fmt.Fprintf(out, "    %s %s %s\n", colors.mark(Result(first.Severity)), first.Code, first.Title)
	for _, f := range list[:min(mostPrinted, len(list))] {
		fmt.Fprintf(out, "      %s: %s\n", f.Object, printable.Line(f.Message))
	}
	if more := len(list) - mostPrinted; more > 0 {
		fmt.Fprintf(out, "      ... and %d more, which -o json lists\n", more)
	}
	fmt.Fprintf(out, "      cure: %s\n      see docs/findings.md#%s\n", printable.Line(first.Cure), strings.ToLower(string(first.Code)))
}

// Counts are the numbers of findings, and of checks that could not be made in full.
type Counts struct {
	Problems int `json:"problems"`
	Warnings int `json:"warnings"`
	Notices  int `json:"notices"`
	Unseen   int `json:"unseen"`
	Ignored  int `json:"ignored"`
}

// Counts counts.
func (r *Report) Counts() Counts {
	counts := Counts{Ignored: r.Ignored}
	for _, category := range r.Categories {
		for _, check := range category.Checks {
			if len(check.Unseen) > 0 {
				counts.Unseen++
			}
		}
	}
	for _, f := range r.Findings() {
		switch f.Severity {
		case findings.Problem:
			counts.Problems++
		case findings.Warning:
			counts.Warnings++
		case findings.Notice:
			counts.Notices++
		}
	}
	return counts
}

func (r *Report) summary() string {
	c := r.Counts()
	text := "Healthy"
	switch {
	case c.Problems+c.Warnings > 0:
		text = count(c.Problems, "problem") + ", " + count(c.Warnings, "warning")
	case c.Unseen > 0:
		text = "No problem in what was seen"
	}
	for _, more := range []struct {
		n    int
		noun string
	}{{c.Notices, "notice"}, {c.Unseen, "check"}, {c.Ignored, "finding"}} {
		switch {
		case more.n == 0:
		case more.noun == "check":
			text += ", " + count(more.n, "check") + " without seeing all"
		case more.noun == "finding":
			text += ", " + count(more.n, "finding") + " ignored"
		default:
			text += ", " + count(more.n, more.noun)
		}
	}
	return text + "."
}

// count returns a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// PrintJSON writes the report as JSON.
func (r *Report) PrintJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(struct {
		Result     Result     `json:"result"`
		Counts     Counts     `json:"counts"`
		Categories []Category `json:"categories"`
	}{r.Result(), r.Counts(), r.Categories})
}
