package guesthttp

import (
	"cmp"
	"errors"
	"fmt"
	"io"
)

// Counts is what one response of a status page reports.
type Counts struct {
	// Source says what was counted, for people: "nginx stub_status", "Apache
	// mod_status", or the selector of the series that were added up. Different
	// sources count different things.
	Source string

	// Requests is the number of requests since the Decoder began anew, less our
	// own reads of the status page if the server counts them. A whole number of at
	// most 2^53.
	Requests float64

	// Anew reports that the Decoder began anew with this response: it is the first
	// one, Source has changed, or the server was restarted. Requests cannot be
	// compared with that of the response before.
	Anew bool

	// Connections is the number of open connections, less our own if the server
	// counts it, at least 0. NaN if the status page does not report it.
	Connections float64
}

// Decoder decodes the responses of one endpoint, one after the other. It counts
// our reads of the status page by the calls of Decode, so pass it the body of
// every response, whatever its HTTP status code, and keep it as long as the
// endpoint stays the same. It remembers the last value of each series: 24 bytes
// for each, of at most 10,000. It is not safe for concurrent use.
type Decoder struct {
	format   Format
	counters []counter // The preferred one first. Shared and read-only.
	tally    tally
}

// reading is what one response reports, our own reads included.
type reading struct {
	source         string
	series         []series // That count requests, at least one.
	countsOwnReads bool     // Our reads of the status page are among the requests.
	connections    float64
	started        float64 // When the server's process started, in seconds since 1970; 0 if it is not known.
}

// NewDecoder returns a Decoder that has seen no response yet. An error says what
// is wrong with the endpoint's format or selector; it is always nil for an
// endpoint that ParseAnnotations returned.
func NewDecoder(e Endpoint) (*Decoder, error) {
	format := cmp.Or(e.Format, Auto)
	if !format.known() {
		return nil, fmt.Errorf("there is no format %.60q: use %s", format, orList(formatNames()))
	}
	if e.Series == "" {
		return &Decoder{format: format, counters: wellKnown}, nil
	}
	if format != Auto && format != Prometheus {
		return nil, fmt.Errorf("status pages of format %s have no series to select", format)
	}
	c, err := userCounter(e.Series)
	if err != nil {
		return nil, fmt.Errorf("series %.60q: %w", e.Series, err)
	}
	return &Decoder{format: Prometheus, counters: []counter{c}}, nil
}

// Decode reads a response to its end. An error says what is wrong with the
// response, and the cure. The Decoder can be used again after an error.
func (d *Decoder) Decode(r io.Reader) (Counts, error) {
	d.tally.addRead()
	c := collectors.Get().(*collector)
	defer collectors.Put(c)
	decoded, err := d.decode(&watchedReader{r: r}, c)
	if err != nil {
		return Counts{}, err
	}
	requests, anew, err := d.tally.add(decoded)
	if err != nil {
		return Counts{}, err
	}
	return Counts{Source: decoded.source, Requests: requests, Anew: anew, Connections: decoded.connections}, nil
}

func (d *Decoder) decode(r *watchedReader, c *collector) (reading, error) {
	buf := heads.Get().(*[]byte)
	defer heads.Put(buf)
	head, rest, err := readHead(r, *buf)
	if err != nil {
		return reading{}, err
	}
	spec, err := detect(head, d.format)
	if err != nil {
		return reading{}, errors.Join(err, discard(rest))
	}
	decoded, err := spec.decode(head, rest, c, d.counters)
	if err == nil && !r.endsLine() {
		err = errCut
	}
	return decoded, err
}
