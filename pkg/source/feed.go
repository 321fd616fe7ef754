package source

import (
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/scrape"
)

// Feed lets tests take the scraper's place: they decode responses that they make
// up themselves, and say how scrapes went.
type Feed struct {
	NodeDecoder  func(node string) scrape.DecodeFunc
	GuestDecoder func(inventory.Guest) scrape.DecodeFunc
}

// FeedFrom returns what feeds the sources, which then ask nodes and guests how
// scrapes went.
func FeedFrom(v *VirtHandlers, p *StatusPages, nodes, guests func(target string) (scrape.Status, bool)) Feed {
	v.status, p.status = nodes, guests
	return Feed{NodeDecoder: v.decoder, GuestDecoder: p.decoder}
}
