package guesthttp

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// Page is what one page says.
type Page struct {
	// Source is what was recognised, for people: "nginx stub_status", "Apache
	// mod_status", or the selector of the series that were summed. Pages with
	// different sources count different things: like a fall of Requests, another
	// Source means that counting begins anew.
	Source string

	// Requests is how many requests were counted since the server started, less
	// our own reads of the page where it counts them. Only differences mean
	// something, and it can be negative. It falls exactly when the page's own
	// counter fell. A whole number.
	Requests float64

	// Connections is how many connections are open, less our own where it is
	// counted, at least 0. NaN where the page does not tell.
	Connections float64
}

// Decoder decodes the pages of one endpoint, one after the other. It counts the
// reads of the page by its own calls of Decode, so give it the body of every
// answer, also of one that is not 200, and keep it for as long as the endpoint
// is the same. It is not safe for concurrent use.
type Decoder struct {
	format Format
	summer *summer
	own    ownReads
}

// reading is what a page says before our own reads are taken off.
type reading struct {
	source      string
	raw         float64
	countsUs    bool
	connections float64
}

// NewDecoder returns a Decoder that has seen no page yet. An error says what is
// wrong with the endpoint's format or selector; one that ParseAnnotations
// returned has no such fault.
func NewDecoder(e Endpoint) (*Decoder, error) {
	d := &Decoder{format: e.Format}
	if d.format == "" {
		d.format = Auto
	}
	if _, known := defaultPaths[d.format]; !known {
		return nil, fmt.Errorf("there is no format %.60q: use auto, nginx, apache or prometheus", d.format)
	}
	if e.Series == "" {
		d.summer = newSummer(wellKnown)
		return d, nil
	}
	if d.format == Auto {
		d.format = Prometheus
	}
	if d.format != Prometheus {
		return nil, fmt.Errorf("pages of format %s have no series to select", d.format)
	}
	s, err := parseSelector(e.Series)
	if err != nil {
		return nil, fmt.Errorf("series %.60q: %w", e.Series, err)
	}
	d.summer = newSummer([]wanted{{selector: s, text: s.String(), countsUs: countsUs(s.String())}})
	return d, nil
}

// Decode reads a page to its end. An error tells what is wrong with the page
// and the cure; later pages can be good again.
func (d *Decoder) Decode(r io.Reader) (Page, error) {
	d.own.read()
	said, err := d.read(r)
	if err != nil {
		return Page{}, err
	}
	return Page{
		Source:      said.source,
		Requests:    d.own.takeOff(said),
		Connections: said.connections,
	}, nil
}

func (d *Decoder) read(r io.Reader) (reading, error) {
	buf := heads.Get().(*[]byte)
	defer heads.Put(buf)
	head, rest, err := readHead(&lineLimiter{r: r}, *buf)
	if err != nil {
		return reading{}, fmt.Errorf("read the page: %w", err)
	}
	format, err := recognise(head, d.format)
	if err == nil && format == Prometheus {
		return d.sum(&headed{head: head, rest: rest})
	}
	if _, restErr := io.Copy(io.Discard, rest); restErr != nil {
		return reading{}, errors.Join(err, fmt.Errorf("read the page: %w", restErr))
	}
	switch {
	case err != nil:
		return reading{}, err
	case format == Nginx:
		return readStubStatus(string(head))
	default:
		return readModStatus(head)
	}
}

func (d *Decoder) sum(r io.Reader) (reading, error) {
	i, sum, err := d.summer.read(r)
	if err != nil {
		return reading{}, err
	}
	w := &d.summer.wanted[i]
	return reading{source: w.text, raw: sum, countsUs: w.countsUs, connections: math.NaN()}, nil
}
