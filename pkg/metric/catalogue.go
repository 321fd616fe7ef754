package metric

import (
	"fmt"
	"strings"
	"time"

	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/reason"
	"guest-metrics-server/pkg/series"
)

// Metric is one entry of the catalogue.
type Metric struct {
	Name    string
	Unit    string
	Help    string // One sentence for users.
	Formula string // How the value of one VMI comes about.
	Group   Aggregation
	Needs   string // What KubeVirt or the guest must have for it, "" for nothing.

	// Instance is the key by which metric.selector picks among a VMI's
	// interfaces, drives or mount points; "" if there is nothing to pick.
	DeviceKey string

	// NeedsAgent says that the values are worth nothing without a connected
	// guest agent: the response may keep the last ones.
	NeedsAgent bool

	Source Source // Where its samples are from.

	IsRate bool // Its value is computed from two samples.

	read readFunc
}

// Source names where samples are from.
type Source string

// The sources.
const (
	DomainStats Source = ""             // KubeVirt's, of QEMU. Most metrics are from these.
	StatusPages Source = "status pages" // Of the guests' own web servers.
)

// readFunc computes a metric for one VMI from the devices that match.
type readFunc func(w history.Window, match Match) (Reading, *reason.Error)

// Match reports whether a device, such as an interface, is asked for.
type Match func(device string) bool

// Every matches all devices.
func Every(string) bool { return true }

// Reading is the value of one VMI, or of a group.
type Reading struct {
	Value  float64       // In the metric's unit.
	Weight float64       // What the value weighs in a group's mean, such as the number of vCPUs.
	At     time.Time     // When the newest sample was taken, of a group's the oldest member's.
	Span   time.Duration // What the value was computed over, of a group's the longest; 0 for a gauge.
}

// Read computes the metric for one VMI, or says why it cannot. Whether the VMI
// counts, and whether the samples are too old, is the caller's to judge. Values
// are at most 10^14 bytes, or 10^8 of another unit.
func (m *Metric) Read(w history.Window, match Match) (Reading, *reason.Error) {
	r, err := m.read(w, match)
	if most := m.mostPlausible(); err == nil && r.Value > most {
		return Reading{}, reason.Errorf(reason.Implausible, "%.4g %s are reported, and more than %.0e are not believed", r.Value, m.Unit, most)
	}
	return r, err
}

// mostPlausible returns the largest value of one VMI that is believed. It is beyond
// what any machine does, and lets 92 such values of bytes or 92 million others be
// added up in the HPA's thousandths in an int64. Guests could claim anything.
func (m *Metric) mostPlausible() float64 {
	if strings.HasPrefix(m.Unit, "bytes") {
		return 1e14
	}
	return 1e8
}

const (
	percentOfVCPUs = "percent of the guest's vCPUs, 0-100"
	needsLoad      = "KubeVirt 1.7, qemu-guest-agent 10 and its connection; KubeVirt asks it every 120 s"
	needsFiles     = "a connected guest agent; KubeVirt asks it every 300 s"
	needsPage      = "annotations that say where the guest's status page is: see http.md"
	needsBalloon   = "the memory balloon with statistics, which is the default, and its driver in the guest"
)

var catalogue = []*Metric{
	{
		Name: CPUUsage, Unit: "cores", Group: Sum, IsRate: true,
		Help:    "vCPU time per second: how many cores' worth of work the guest does.",
		Formula: "sum over vCPUs of Δvcpu_seconds / Δt",
		read:    readCPU(func(c cpu) float64 { return c.running * c.vcpus }),
	},
	{
		Name: "guest_cpu_utilization_percent", Unit: percentOfVCPUs, Group: WeightedMean, IsRate: true,
		Help:    "How busy the guest's vCPUs are.",
		Formula: "100 × sum over vCPUs of Δvcpu_seconds / (Δt × number of vCPUs)",
		read:    readCPU(func(c cpu) float64 { return 100 * c.running }),
	},
	{
		Name: "guest_cpu_demand_percent", Unit: percentOfVCPUs, Group: WeightedMean, IsRate: true,
		Help:    "How busy the guest's vCPUs are or would be if the host let them: utilization plus steal. It stays true on a contended host, where utilization falls.",
		Formula: "100 × sum over vCPUs of (Δvcpu_seconds + Δvcpu_delay_seconds) / (Δt × number of vCPUs), at most 100",
		read:    readCPUAndDelay(func(c cpu) float64 { return 100 * min(c.running+c.waiting, 1) }),
	},
	{
		Name: "guest_cpu_steal_percent", Unit: percentOfVCPUs, Group: WeightedMean, IsRate: true,
		Help:    "How much of the time the guest's vCPUs wait for a host CPU.",
		Formula: "100 × sum over vCPUs of Δvcpu_delay_seconds / (Δt × number of vCPUs)",
		read:    readCPUAndDelay(func(c cpu) float64 { return 100 * c.waiting }),
	},
	load("1m", series.GuestLoad1m),
	load("5m", series.GuestLoad5m),
	load("15m", series.GuestLoad15m),
	{
		Name: "guest_memory_used_bytes", Unit: "bytes", Group: Sum, Needs: needsBalloon,
		Help:    "Memory that the guest could not give to new programs without swapping.",
		Formula: "memory_available - memory_usable (the guest's MemTotal - MemAvailable), at least 0",
		read:    readMemory(func(used, _ float64) float64 { return used }),
	},
	{
		Name: "guest_memory_utilization_percent", Unit: "percent of the guest's memory, 0-100", Group: WeightedMean, Needs: needsBalloon,
		Help:    "How much of the guest's memory is used.",
		Formula: "100 × (memory_available - memory_usable) / memory_available, at least 0; weighted by memory_available",
		read:    readMemory(func(used, available float64) float64 { return 100 * used / available }),
	},
	{
		Name: "guest_memory_major_page_faults_per_second", Unit: "page faults per second", Group: Sum, Needs: needsBalloon, IsRate: true,
		Help:    "Page faults of the guest that needed its disk.",
		Formula: "Δmemory_pgmajfault / Δt",
		read:    readRates(series.MemoryMajorPageFaults),
	},
	rates("guest_network_receive_bytes_per_second", "bytes per second", "Bytes that the guest received.", series.NetworkReceiveBytes),
	rates("guest_network_transmit_bytes_per_second", "bytes per second", "Bytes that the guest sent.", series.NetworkTransmitBytes),
	rates("guest_network_receive_packets_per_second", "packets per second", "Packets that the guest received.", series.NetworkReceivePackets),
	rates("guest_network_transmit_packets_per_second", "packets per second", "Packets that the guest sent.", series.NetworkTransmitPackets),
	rates("guest_storage_read_bytes_per_second", "bytes per second", "Bytes that the guest read from its drives.", series.StorageReadBytes),
	rates("guest_storage_write_bytes_per_second", "bytes per second", "Bytes that the guest wrote to its drives.", series.StorageWriteBytes),
	rates("guest_storage_read_operations_per_second", "operations per second", "Reads of the guest from its drives.", series.StorageReadOperations),
	rates("guest_storage_write_operations_per_second", "operations per second", "Writes of the guest to its drives.", series.StorageWriteOperations),
	{
		Name: "guest_filesystem_utilization_percent", Unit: "percent of the filesystem, 0-100", Group: Max, Needs: needsFiles, NeedsAgent: true,
		Help:      "How full the guest's fullest filesystem is.",
		Formula:   "the largest of 100 × filesystem_used / filesystem_capacity over mount points",
		DeviceKey: series.FilesystemUsedBytes.DeviceLabel(),
		read:      readFilesystems,
	},
	{
		Name: HTTPRequests, Unit: "requests per second", Group: Sum, Needs: needsPage, Source: StatusPages, IsRate: true,
		Help:    "HTTP requests that the guest's web server answers.",
		Formula: "Δrequests / Δt, as the guest's status page counts them, less our own reads of the page",
		read:    readRates(series.HTTPRequests),
	},
	{
		Name: "guest_http_active_connections", Unit: "connections", Group: Sum, Source: StatusPages,
		Needs:   needsPage + "; a status page that has it, as nginx's and Apache's have",
		Help:    "Connections open to the guest's web server.",
		Formula: "as the guest's status page tells it, less our own",
		read:    readGauge(series.HTTPConnections),
	},
}

// The metrics by which the server reports whether a VMI is known at all.
const (
	CPUUsage     = "guest_cpu_usage_cores"
	HTTPRequests = "guest_http_requests_per_second"
)

func load(span string, family series.Family) *Metric {
	return &Metric{
		Name: "guest_load_" + span, Unit: "load average", Group: Sum, Needs: needsLoad, NeedsAgent: true,
		Help:    "The guest's own load average over " + span + ".",
		Formula: "as the guest agent reports it",
		read:    readGauge(family),
	}
}

func rates(name, unit, help string, family series.Family) *Metric {
	counter := strings.TrimSuffix(strings.TrimPrefix(family.String(), series.VirtHandlerPrefix), "_total")
	return &Metric{
		Name: name, Unit: unit, Help: help, Group: Sum, IsRate: true,
		Formula:   fmt.Sprintf("sum over %ss of Δ%s / Δt", family.DeviceLabel(), counter),
		DeviceKey: family.DeviceLabel(),
		read:      readRates(family),
	}
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
