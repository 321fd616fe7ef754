package guesthttp

import (
	"io"
	"slices"
	"strings"
)

// Format is the format of a status page.
type Format string

// The formats.
const (
	Auto       Format = "auto"       // Detected in each response.
	Nginx      Format = "nginx"      // nginx's stub_status.
	Apache     Format = "apache"     // Apache's mod_status with ?auto.
	Prometheus Format = "prometheus" // The Prometheus text format.
)

// A formatSpec describes one format. To add a format, add a row to formats.
type formatSpec struct {
	name        Format
	defaultPath string
	description string // Completes the message "expected ...".

	// detect reports whether a response has this format. It gets up to headBytes
	// of the response, not empty and without leading and trailing white space.
	detect func(text []byte) bool

	// decode reads a response to its end. The response is head, its first
	// headBytes, and then rest. Formats with series collect those of counters with c.
	decode func(head []byte, rest io.Reader, c *collector, counters []counter) (reading, error)
}

// formats lists all formats. The first one that detects a response decodes it.
var formats = []formatSpec{
	{Nginx, "/stub_status", "nginx's stub_status", isStubStatus, fromHead(decodeStubStatus)},
	{Apache, "/server-status?auto", "Apache's mod_status with ?auto", isModStatus, fromHead(decodeModStatus)},
	{Prometheus, "/metrics", "the Prometheus text format", isExposition, decodeExposition},
}

// fromHead makes a decoder for a format whose responses are far shorter than
// headBytes. It decodes the head alone.
func fromHead(decode func(head []byte) (reading, error)) func([]byte, io.Reader, *collector, []counter) (reading, error) {
	return func(head []byte, rest io.Reader, _ *collector, _ []counter) (reading, error) {
		if err := discard(rest); err != nil {
			return reading{}, err
		}
		return decode(head)
	}
}

// known reports whether f is Auto or one of formats.
func (f Format) known() bool { return slices.Contains(formatNames(), string(f)) }

// defaultPath returns the usual path of a status page of a known format.
func (f Format) defaultPath() string {
	if f == Auto {
		f = Prometheus
	}
	i := slices.IndexFunc(formats, func(spec formatSpec) bool { return spec.name == f })
	return formats[i].defaultPath
}

// formatNames returns the names of all formats, Auto included.
func formatNames() []string {
	names := []string{string(Auto)}
	for _, spec := range formats {
		names = append(names, string(spec.name))
	}
	return names
}

// expected returns the end of a message about a response in no known format.
func expected() string {
	var descriptions []string
	for _, spec := range formats {
		descriptions = append(descriptions, spec.description)
	}
	return "expected " + orList(descriptions)
}

// orList joins two or more items as in "a, b or c".
func orList(items []string) string {
	last := len(items) - 1
	return strings.Join(items[:last], ", ") + " or " + items[last]
}
