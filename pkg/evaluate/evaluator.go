package evaluate

import (
	"time"

	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/reason"
)

// Source has the recent samples of VMIs.
type Source interface {
	// Window returns the recent samples of a VMI, or the reason why there are none.
	Window(v *inventory.VMI) (history.Window, *reason.Error)
	// Silence says what keeps newer samples of a VMI away.
	Silence(v *inventory.VMI) *reason.Error
	// Missing says why a series is not among a VMI's samples.
	Missing(v *inventory.VMI, series string) *reason.Error
}

// Config says what an Evaluator answers from and how it judges.
type Config struct {
	Inventory *inventory.Store
	Sources   map[metric.Source]Source // One for each source that the catalogue names.
	Now       func() time.Time

	RateWindow       time.Duration // What the rates of members that have long counted span.
	MaxSampleAge     time.Duration // An older sample is unknown.
	MinKnownFraction float64       // 0-1, of a group's counting members.
}

// Evaluator answers queries. It is safe for concurrent use.
type Evaluator struct{ Config }

// New returns an Evaluator.
func New(config Config) *Evaluator { return &Evaluator{config} }
