// Package printable makes texts safe to print. Annotations, events and errors hold
// what tenants write, and a terminal obeys the control characters in it.
package printable

import "strings"

// Line returns the text as one line: each control character is a blank.
func Line(text string) string { return strings.Map(visible, text) }

// Lines does the same, and keeps the ends of lines.
func Lines(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return visible(r)
	}, text)
}

func visible(r rune) rune {
	if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
		return ' '
	}
	return r
}
