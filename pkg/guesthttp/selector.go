package guesthttp

import (
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
)

// nameLabel is the label that holds the name of a series.
const nameLabel = "__name__"

// A selector selects series as Prometheus does: all matchers must match, and a
// label that a series lacks has the empty string as its value.
type selector struct {
	names  []matcher // For the series' name. At least one does not match the empty string.
	labels []matcher // For other labels. There are at most maxMatchers in both together.

	exact    string // The only name that its series can have, or "" if there can be several.
	nameCost int    // The cost of matchesName per byte: the sum over names.
}

// A matcher matches the value of one label.
type matcher struct {
	label string
	op    string // One of =, !=, =~ and !~.
	value string
	re    *regexp.Regexp // For =~ and !~, anchored at both ends.
	cost  int            // The rough cost of matching one byte: the size of the expression, at least 1.
}

// matches reports whether the matcher matches the value of its label.
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

// matchesName reports whether all matchers for the name match.
func (s *selector) matchesName(name []byte) bool {
	if s.exact != "" {
		return string(name) == s.exact // Almost always, and so much faster.
	}
	for i := range s.names {
		if !s.names[i].matches(name) {
			return false
		}
	}
	return true
}

// matchesWithout reports whether the matchers for labels that a series lacks
// match the empty string. The series has the labels of those in seen, a set of
// bits 1<<i for labels[i].
func (s *selector) matchesWithout(seen uint32) bool {
	for i := range s.labels {
		if seen&(1<<i) == 0 && !s.labels[i].matches(nil) {
			return false
		}
	}
	return true
}

// String returns the selector as Prometheus prints it.
func (s *selector) String() string {
	name, inBraces := "", append(append([]matcher(nil), s.names...), s.labels...)
	if isMetricName(s.exact) {
		name, inBraces = s.exact, s.labels
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

// isMetricName reports whether a name may be written before the braces.
func isMetricName(name string) bool {
	return name != "" && nameEnd(name, true) == len(name)
}

// nameEnd returns the length of the name at the start of s, 0 if there is none.
// Names of series may contain colons, names of labels may not.
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

// regexpSize estimates the number of instructions of a compiled regular
// expression. It does not compile it, since a short expression can take hundreds
// of megabytes: repetitions such as {1000}, nested.
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
