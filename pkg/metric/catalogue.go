package metric

import (
	"time"

	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/unknown"
)

// Metric is one entry of the catalogue.
type Metric struct {
	Name    string
	Unit    string
	Help    string // One sentence for users.
	Formula string // How the value of one VMI comes about.
	Group   Aggregation

	read func(history.Window) (Reading, *unknown.Error)
}

// Reading is the value of one VMI, or of a group.
type Reading struct {
	Value  float64       // In the metric's unit.
	Weight float64       // What the value weighs in a group's mean, such as the number of vCPUs.
	At     time.Time     // When the newest sample was taken, of a group's the oldest member's.
	Span   time.Duration // What the value was computed over, of a group's the longest; 0 for a gauge.
}

// Read computes the metric for one VMI, or says why it cannot. Whether the VMI
// counts, and whether the samples are too old, is the caller's to judge.
func (m *Metric) Read(w history.Window) (Reading, *unknown.Error) { return m.read(w) }

var catalogue = []*Metric{
	{
		Name:    "guest_cpu_usage_cores",
		Unit:    "cores",
		Help:    "vCPU time per second: how many cores' worth of work the guest does.",
		Formula: "sum over vCPUs of Δvcpu_seconds / Δt; a vCPU without a rate yet counts as busy as the others",
		Group:   Sum,
		read:    readCPU(func(c cpu) float64 { return c.running * c.vcpus }),
	},
	{
		Name:    "guest_cpu_utilization_percent",
		Unit:    "percent of the guest's vCPUs, 0-100",
		Help:    "How busy the guest's vCPUs are.",
		Formula: "100 × sum over vCPUs of Δvcpu_seconds / (Δt × number of vCPUs)",
		Group:   WeightedMean,
		read:    readCPU(func(c cpu) float64 { return 100 * c.running }),
	},
	{
		Name:    "guest_cpu_demand_percent",
		Unit:    "percent of the guest's vCPUs, 0-100",
		Help:    "How busy the guest's vCPUs are or would be if the host let them: utilization plus steal. It stays true on a contended host, where utilization falls.",
		Formula: "100 × sum over vCPUs of (Δvcpu_seconds + Δvcpu_delay_seconds) / (Δt × number of vCPUs)",
		Group:   WeightedMean,
		read:    readCPUAndDelay(func(c cpu) float64 { return 100 * clamp(c.running+c.waiting) }),
	},
	{
		Name:    "guest_cpu_steal_percent",
		Unit:    "percent of the guest's vCPUs, 0-100",
		Help:    "How much of the time the guest's vCPUs wait for a host CPU.",
		Formula: "100 × sum over vCPUs of Δvcpu_delay_seconds / (Δt × number of vCPUs)",
		Group:   WeightedMean,
		read:    readCPUAndDelay(func(c cpu) float64 { return 100 * c.waiting }),
	},
}

// All returns the catalogue in its documented order.
func All() []*Metric { return catalogue }

var byName = func() map[string]*Metric {
	byName := make(map[string]*Metric, len(catalogue))
	for _, m := range catalogue {
		byName[m.Name] = m
	}
	return byName
}()

// Lookup returns the metric of the given name, nil if there is none.
func Lookup(name string) *Metric { return byName[name] }
