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
	// sources count different things. So when Source changes, Requests starts
	// anew, as it does when it falls.
	Source string

	// Requests is the number of requests since the server started, less our own
	// reads of the status page if the server counts them. Only differences are
	// meaningful, and it can be negative. It falls exactly when the server's own
	// counter falls. A whole number.
	Requests float64

	// Connections is the number of open connections, less our own if the server
	// counts it, at least 0. NaN if the status page does not report it.
	Connections float64
}

// Decoder decodes the responses of one endpoint, one after the other. It counts
// our reads of the status page by the calls of Decode, so pass it the body of
// every response, whatever its HTTP status code, and keep it as long as the
// endpoint stays the same. It is not safe for concurrent use.
type Decoder struct {
	format Format
	sums   *summer
	own    ownReads
}

// reading is what one response reports, our own reads included.
type reading struct {
	source         string
	requests       float64
	countsOwnReads bool // Our reads of the status page are among the requests.
	connections    float64
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
		return &Decoder{format: format, sums: newSummer(wellKnown)}, nil
	}
	if format != Auto && format != Prometheus {
		return nil, fmt.Errorf("status pages of format %s have no series to select", format)
	}
	c, err := userCounter(e.Series)
	if err != nil {
		return nil, fmt.Errorf("series %.60q: %w", e.Series, err)
	}
	return &Decoder{format: Prometheus, sums: newSummer([]counter{c})}, nil
}

// Decode reads a response to its end. An error says what is wrong with the
// response, and the cure. The Decoder can be used again after an error.
func (d *Decoder) Decode(r io.Reader) (Counts, error) {
	d.own.add()
	decoded, err := d.decode(&lineLimiter{r: r})
	if err != nil {
		return Counts{}, err
	}
	return Counts{
		Source:      decoded.source,
		Requests:    d.own.subtract(decoded),
		Connections: decoded.connections,
	}, nil
}

func (d *Decoder) decode(r io.Reader) (reading, error) {
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
	return spec.decode(head, rest, d.sums)
}
