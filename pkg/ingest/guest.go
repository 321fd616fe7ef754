package ingest

import (
	"context"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"guest-metrics-server/pkg/guesthttp"
	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/scrape"
	"guest-metrics-server/pkg/series"
)

// guestLayout is that of every guest's samples.
var guestLayout = &series.Layout{Keys: []series.Key{{Family: series.HTTPRequests}, {Family: series.HTTPConnections}}}

// GuestPages takes guests' status pages into a history of their own. It is safe
// for concurrent use.
type GuestPages struct {
	inventory  *inventory.Store
	history    *history.Store
	recognised func(*inventory.VMI, string)
	origins    atomic.Uint64
}

// NewGuestPages returns a GuestPages. It tells what was recognised on the page of
// a VMI, at first and when it changes.
func NewGuestPages(store *inventory.Store, samples *history.Store, recognised func(v *inventory.VMI, source string)) *GuestPages {
	return &GuestPages{inventory: store, history: samples, recognised: recognised}
}

// Pages returns what takes in the pages of a guest.
func (in *GuestPages) Pages(guest inventory.Guest) scrape.PageFunc {
	decoder, err := guesthttp.NewDecoder(guest.Endpoint)
	if err != nil {
		return func(context.Context, time.Time, io.Reader) error { return err }
	}
	origin, source := "", ""
	return func(_ context.Context, at time.Time, r io.Reader) error {
		page, err := decoder.Decode(r)
		if err != nil {
			return err
		}
		v := in.inventory.VMI(guest.Namespace, guest.Name)
		if v == nil || v.UID != guest.UID || v.Paused {
			return nil // It has just changed, and this reader is about to be stopped.
		}
		if source != page.Source {
			// No rate may reach over from another counter, nor from another reader,
			// which left out its own reads.
			origin, source = strconv.FormatUint(in.origins.Add(1), 10), page.Source
			in.recognised(v, source)
		}
		in.history.Append(string(v.UID), origin, history.Sample{
			At: at, Layout: guestLayout, Values: []float64{page.Requests, page.Connections},
		})
		return nil
	}
}
