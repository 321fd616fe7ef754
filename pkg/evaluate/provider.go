package evaluate

import (
	"time"

	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/scrape"
)

// Source is where samples come from.
type Source struct {
	History *history.Store
	// Status tells how the scrapes of a target go, false if there is none of the
	// name.
	Status func(target string) (scrape.Status, bool)
	// TooLarge, where there is one, tells what was too large to be read of a
	// VMI's series of the name, "" for any name; ok is false when nothing was.
	TooLarge func(v *inventory.VMI, series string) (why string, ok bool)
}

// Config says what the provider answers from and how it judges.
type Config struct {
	Inventory    *inventory.Store
	VirtHandlers Source // Targets are named like their nodes.
	Guests       Source // Targets are named namespace/name, as their VMIs.
	Now          func() time.Time

	RateWindow       time.Duration // Within it a newcomer gets two samples.
	MaxSampleAge     time.Duration // An older sample is unknown.
	MinKnownFraction float64       // 0-1, of a group's counting members.
}

// Provider answers queries. It is safe for concurrent use.
type Provider struct{ Config }

// New returns a Provider.
func New(config Config) *Provider { return &Provider{config} }
