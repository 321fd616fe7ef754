package guesthttp

import (
	"bytes"
	"errors"
	"io"
	"strconv"
)

// isExposition reports whether a response is in the Prometheus text format: it
// begins with a comment or with a series.
func isExposition(text []byte) bool {
	if text[0] == '#' {
		return true
	}
	line, _, whole := bytes.Cut(text, []byte{'\n'})
	name := nameEnd(string(line[:min(len(line), 1024)]), true)
	if name == 0 {
		return false
	}
	if !whole && len(line) > headBytes/2 {
		return true // A long line that does not end within the head.
	}
	fields := bytes.Fields(line[max(name, bytes.LastIndexByte(line, '}')+1):])
	if len(fields) == 0 {
		return false
	}
	_, err := strconv.ParseFloat(string(fields[0]), 64)
	return err == nil || errors.Is(err, strconv.ErrRange)
}

// decodeExposition collects the series of a response in the Prometheus text format.
// One that lacks its last lines lacks series, which its Decoder knows of.
func decodeExposition(head []byte, rest io.Reader, c *collector, counters []counter) (reading, error) {
	return c.collect(io.MultiReader(bytes.NewReader(head), rest), counters)
}
