package top

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/duration"

	"guest-metrics-server/pkg/plugin/printable"
)

// style is how a table is printed.
type style struct {
	now        time.Time
	namespaces bool // with a column of namespaces
	wide       bool
	bars       bool
	colours    bool
}

// column is a column of a table.
type column struct {
	title string
	text  func(Row) string
	tint  func(Row) string // an ANSI colour, "" for none; nil for none at all
}

// The colours of ANSI terminals.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
)

// unknown stands where there is no value.
const unknown = "-"

func (s style) columns(kind string) []column {
	var columns []column
	add := func(title string, text func(Row) string, tint func(Row) string) {
		columns = append(columns, column{title, text, tint})
	}
	if s.namespaces {
		add("NAMESPACE", func(r Row) string { return r.Namespace }, nil)
	}
	add("NAME", func(r Row) string { return r.Name }, nil)
	if kind == "vmis" {
		add("CPU", vcpusText, nil)
	} else {
		if kind != "services" {
			add("REPLICAS", func(r Row) string { return whole(r.Replicas) }, nil)
		}
		add("KNOWN", knownText, nil)
		add("CPU", func(r Row) string { return number(r.CPUCores, 2) }, nil)
	}
	add("CPU%", func(r Row) string { return s.percent(r.UtilizationPercent) }, func(r Row) string { return heat(r.UtilizationPercent) })
	add("DEMAND%", func(r Row) string { return s.percent(r.DemandPercent) }, func(r Row) string { return heat(r.DemandPercent) })
	add("MEMORY", func(r Row) string { return bytes(r.MemoryBytes) }, nil)
	add("REQUESTS/S", func(r Row) string { return number(r.RequestsPerSecond, 1) }, nil)
	add("DATA AGE", func(r Row) string { return s.age(r.Timestamp) }, nil)
	if s.wide && kind == "vmis" {
		add("NODE", func(r Row) string { return orUnknown(r.Node) }, nil)
		add("POD", func(r Row) string { return orUnknown(r.Pod) }, nil)
	}
	add("STATUS", func(r Row) string { return r.Status }, func(r Row) string {
		if r.Status == statusOK {
			return ""
		}
		return yellow
	})
	if s.wide {
		add("MESSAGE", func(r Row) string { return r.Message }, nil)
	}
	return columns
}

// table is the rows as text, with titles.
func (s style) table(kind string, rows []Row) string {
	columns := s.columns(kind)
	widths := make([]int, len(columns))
	cells := make([][]string, len(rows))
	for i, c := range columns {
		widths[i] = len(c.title)
		for j, row := range rows {
			text := printable.Line(c.text(row))
			cells[j] = append(cells[j], text)
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	line := func(text func(i int) (string, string)) {
		var l strings.Builder
		for i := range columns {
			cell, tint := text(i)
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+3)
			if s.colours && tint != "" {
				cell = "\x1b[" + tint + "m" + cell + "\x1b[0m"
			}
			l.WriteString(cell)
			l.WriteString(padding)
		}
		b.WriteString(strings.TrimRight(l.String(), " "))
		b.WriteString("\n")
	}
	line(func(i int) (string, string) { return columns[i].title, "" })
	for j, row := range rows {
		line(func(i int) (string, string) {
			if columns[i].tint == nil {
				return cells[j][i], ""
			}
			return cells[j][i], columns[i].tint(row)
		})
	}
	return b.String()
}

// barWidth is the width of a bar for 100 %.
const barWidth = 10

func (s style) percent(percent *float64) string {
	if percent == nil {
		return unknown
	}
	text := strconv.FormatFloat(*percent, 'f', 0, 64) + "%"
	if !s.bars {
		return text
	}
	full := min(barWidth, max(0, int(math.Round(*percent/100*barWidth))))
	return strings.Repeat("█", full) + strings.Repeat("░", barWidth-full) + fmt.Sprintf(" %4s", text)
}

// heat is the colour of a percentage.
func heat(percent *float64) string {
	switch {
	case percent == nil:
		return ""
	case *percent >= 90:
		return red
	case *percent >= 70:
		return yellow
	default:
		return green
	}
}

func vcpusText(r Row) string {
	if r.CPUCores == nil && r.VCPUs == nil {
		return unknown
	}
	return number(r.CPUCores, 2) + "/" + whole(r.VCPUs)
}

func knownText(r Row) string {
	if r.Known == nil {
		return unknown
	}
	return fmt.Sprintf("%d/%d", *r.Known, *r.Counting)
}

func number(value *float64, digits int) string {
	if value == nil {
		return unknown
	}
	return strconv.FormatFloat(*value, 'f', digits, 64)
}

func whole(value *int32) string {
	if value == nil {
		return unknown
	}
	return strconv.Itoa(int(*value))
}

func orUnknown(text string) string {
	if text == "" {
		return unknown
	}
	return text
}

// bytes is an amount of memory as kubectl top has it.
func bytes(value *float64) string {
	if value == nil {
		return unknown
	}
	return strconv.FormatFloat(*value/(1<<20), 'f', 0, 64) + "Mi"
}

func (s style) age(at *time.Time) string {
	if at == nil {
		return unknown
	}
	return duration.HumanDuration(max(0, s.now.Sub(*at)))
}
