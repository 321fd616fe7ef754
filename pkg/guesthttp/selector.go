package guesthttp

import (
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
)

// nameLabel is the label that stands for the name of a series.
const nameLabel = "__name__"

// A selector picks series as Prometheus does: each matcher must match, and a
// label that a series lacks is the empty string.
type selector struct {
	names  []matcher // Of the series' name. At least one refuses the empty string.
	labels []matcher // Of all other labels, at most maxMatchers.
}

// A matcher matches the value of one label.
type matcher struct {
	label string
	op    string // One of = != =~ !~.
	value string
	re    *regexp.Regexp // Of =~ and !~, anchored at both ends.
	cost  int            // Of matching one byte, roughly: the size of the expression, at least 1.
}

// matches tells whether the matcher matches a label's value.
func (m *matcher) matches(value []byte) bool {
	switch m.op {
	case "=":
		return string(value) == m.value
	case "!=":
		return string(value) != m.value
	case "=~":
		return m.re.Match(value)
	default:
		return !m.re.Match(value)
	}
}

// exactName returns the only name that the selector's series can have, "" where
// there can be several.
func (s *selector) exactName() string {
	if len(s.names) == 1 && s.names[0].op == "=" {
		return s.names[0].value
	}
	return ""
}

// matchesName tells whether every name matcher matches.
func (s *selector) matchesName(name []byte) bool {
	for i := range s.names {
		if !s.names[i].matches(name) {
			return false
		}
	}
	return true
}

// nameCost is what matchesName costs for each byte.
func (s *selector) nameCost() int {
	cost := 0
	for i := range s.names {
		cost += s.names[i].cost
	}
	return cost
}

// String returns the selector as Prometheus would write it.
func (s *selector) String() string {
	name, inBraces := "", append(append([]matcher(nil), s.names...), s.labels...)
	if exact := s.exactName(); isMetricName(exact) {
		name, inBraces = exact, s.labels
	}
	if len(inBraces) == 0 {
		return name
	}
	parts := make([]string, len(inBraces))
	for i, m := range inBraces {
		parts[i] = m.label + m.op + strconv.Quote(m.value)
	}
	return name + "{" + strings.Join(parts, ",") + "}"
}

// isMetricName tells whether a name can stand before the braces.
func isMetricName(name string) bool {
	return name != "" && nameEnd(name, true) == len(name)
}

// nameEnd returns the length of the name that s begins with. Names of series
// may have colons, names of labels may not.
func nameEnd(s string, colons bool) int {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || colons && c == ':'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return i
		}
	}
	return len(s)
}

// regexpSize tells how many instructions a regular expression is compiled into,
// roughly and without compiling it: a{1000} nested in itself is short to write
// and takes hundreds of megabytes.
func regexpSize(re *syntax.Regexp) int {
	size := 1
	if re.Op == syntax.OpLiteral {
		size = len(re.Rune)
	}
	for _, sub := range re.Sub {
		size += regexpSize(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1)
	}
	return min(size, maxRegexpSize+1)
}
