package guesthttp

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// recognise tells how a page is written, by its head. An error says what the
// page is when it is not of the wanted format, and what to do about it.
func recognise(head []byte, want Format) (Format, error) {
	format, err := recogniseAny(head)
	if err == nil && want != Auto && format != want {
		err = fmt.Errorf("the page is of format %s and not of format %s: correct the path, or set the annotation %sformat to %s",
			format, want, AnnotationPrefix, format)
	}
	return format, err
}

func recogniseAny(head []byte) (Format, error) {
	text := bytes.TrimSpace(head)
	switch {
	case len(text) == 0:
		return "", errors.New("the page is empty: correct the path or the server's configuration")
	case bytes.HasPrefix(text, []byte(stubStatusStart)):
		return Nginx, nil
	case text[0] == '#':
		return Prometheus, nil
	case isModStatus(text):
		return Apache, nil
	case text[0] == '<' && bytes.Contains(text, []byte("Apache Status")):
		return "", errors.New("the page is Apache's mod_status for people: add ?auto to the path")
	case text[0] == '<':
		return "", fmt.Errorf("the page is HTML or XML, it begins with %.40q: correct the path; %s", text, expected)
	case text[0] == '[' || text[0] == '{':
		return "", fmt.Errorf("the page is JSON, it begins with %.40q: correct the path; %s", text, expected)
	case isSeries(text):
		return Prometheus, nil
	default:
		return "", fmt.Errorf("the page is of no known format, it begins with %.40q: correct the path; %s", text, expected)
	}
}

const expected = "expected is nginx's stub_status, Apache's mod_status with ?auto, or the Prometheus text format"

// isModStatus tells whether a page has the lines of mod_status that are there
// also with ExtendedStatus Off.
func isModStatus(text []byte) bool {
	found := 0
	for line := range bytes.Lines(text) {
		if key, _, ok := bytes.Cut(line, []byte(": ")); ok && slices.Contains(modStatusKeys, string(key)) {
			found++
		}
	}
	return found >= 2
}

var modStatusKeys = []string{totalAccesses, busyWorkers, "IdleWorkers", "Scoreboard"}

// isSeries tells whether a page begins with a series.
func isSeries(text []byte) bool {
	line, _, whole := bytes.Cut(text, []byte{'\n'})
	name := nameEnd(string(line[:min(len(line), 1024)]), true)
	if name == 0 {
		return false
	}
	if !whole && len(line) > headBytes/2 {
		return true // A long line, cut at the head's end.
	}
	fields := bytes.Fields(line[max(name, bytes.LastIndexByte(line, '}')+1):])
	if len(fields) == 0 {
		return false
	}
	_, err := strconv.ParseFloat(string(fields[0]), 64)
	return err == nil || errors.Is(err, strconv.ErrRange)
}
