package evaluate_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"guest-metrics-server/pkg/guesthttp"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/scrape"
)

// server is the web server in a guest: nginx, or one with a status page that the
// scenario writes itself.
type server struct {
	requests, perSecond float64
	connections         int
	page                string        // What it answers instead of nginx's stub_status.
	fails               string        // Why its status page cannot be reached.
	status              scrape.Status // Of our reads of its status page.
}

// respond returns the server's status page.
func (s *server) respond() string {
	s.requests++ // Our read.
	if s.page != "" {
		return s.page
	}
	return fmt.Sprintf("Active connections: %d \nserver accepts handled requests\n 1 1 %d \nReading: 0 Writing: 1 Waiting: 0 \n", s.connections+1, int(s.requests))
}

// http changes what a guest's nginx does; the keys are rate (requests per
// second), requests (its counter), connections, and fails (why its status page
// cannot be read).
func (w *world) http(name string, options map[string]string) error {
	g := w.guests[name]
	if g == nil {
		return errors.New("no such guest")
	}
	if g.server == nil {
		g.server = &server{requests: 1000}
	}
	g.server.fails = options["fails"]
	delete(options, "fails")
	for key, text := range options {
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return err
		}
		switch key {
		case "rate":
			g.server.perSecond = number
		case "requests":
			g.server.requests = number
		case "connections":
			g.server.connections = int(number)
		default:
			return fmt.Errorf("unknown key %s", key)
		}
	}
	return nil
}

// statusPage sets the text of a guest's status page, in which " | " ends a line. The
// text ends with a newline, unless <cut> follows its last character.
func (w *world) statusPage(name, text string) error {
	g := w.guests[name]
	if g == nil {
		return errors.New("no such guest")
	}
	if g.server == nil {
		g.server = &server{}
	}
	page, cut := strings.CutSuffix(strings.ReplaceAll(text, " | ", "\n"), "<cut>")
	if !cut {
		page += "\n"
	}
	g.server.page = page
	return nil
}

// annotate gives a VMI the annotations about its status page that the text says,
// such as port:8081,format:nginx.
func annotate(v *inventory.VMI, text string) {
	annotations := make(map[string]string)
	for key, value := range labelsOf(text) {
		annotations[guesthttp.AnnotationPrefix+key] = value
	}
	v.Endpoint, v.Problems = nil, nil
	v.ReadAnnotations(annotations)
}

// readGuests reads the status page of each guest that has one, as the pool of
// scrapes does: with one reader as long as nothing of the guest changes.
func (w *world) readGuests() {
	before := w.readers
	w.readers = make(map[inventory.Guest]scrape.DecodeFunc)
	for _, g := range w.store.Guests() {
		read, ok := before[g]
		if !ok {
			read = w.feed.GuestDecoder(g)
		}
		w.readers[g] = read
		s := w.guests[g.Name].server
		if s == nil {
			continue
		}
		if s.status.Err = nil; s.fails != "" {
			s.status.Err = errors.New(s.fails)
		} else if s.status.Err = read(context.Background(), w.now, strings.NewReader(s.respond())); s.status.Err == nil {
			s.status.LastSuccess = w.now
		}
	}
}

func (w *world) guestStatus(target string) (scrape.Status, bool) {
	name := strings.TrimPrefix(target, defaultNamespace+"/")
	g, ok := w.guests[name]
	switch {
	case !ok:
		return scrape.Status{}, false
	case g.server == nil:
		return scrape.Status{Err: errors.New("dial: connect: connection refused")}, true
	default:
		return g.server.status, true
	}
}
