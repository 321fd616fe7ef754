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

// server is the nginx in a guest.
type server struct {
	requests, perSecond float64
	connections         int
	status              scrape.Status // Of our reads of its status page.
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
	if why, ok := options["fails"]; ok {
		g.server.status.Err = errors.New(why)
		return nil
	}
	g.server.status.Err = nil
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
		if s == nil || s.status.Err != nil {
			continue
		}
		s.requests++ // Ours.
		page := fmt.Sprintf("Active connections: %d \nserver accepts handled requests\n 1 1 %d \nReading: 0 Writing: 1 Waiting: 0 \n", s.connections+1, int(s.requests))
		if err := read(context.Background(), w.now, strings.NewReader(page)); err != nil {
			w.t.Fatal(err)
		}
		s.status.LastSuccess = w.now
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
