//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A load is what guests do over time: a factor from low to 1 by which all their
// numbers are multiplied. It begins to change at a moment that is set later.
type load struct {
	name         string
	low          float64
	rise, period time.Duration
}

var loads = []load{
	{name: "constant", low: 1},
	{name: "ramp", low: 0.4, rise: 40 * time.Second},
	{name: "step", low: 0.4},
	{name: "square", low: 0.4, period: 20 * time.Second},
}

// factorUntil integrates the factor from a moment to a time after it.
func (l load) factorUntil(since float64) float64 {
	switch rise, half := l.rise.Seconds(), l.period.Seconds()/2; {
	case since <= 0:
		return l.low * since
	case half > 0 && since > 2*half:
		return l.factorUntil(2*half) + l.factorUntil(since-2*half)
	case half > 0 && since > half:
		return half + l.low*(since-half)
	case since < rise:
		return l.low*since + (1-l.low)*since*since/(2*rise)
	default:
		return since - (1-l.low)*rise/2
	}
}

// mean is the factor's mean between two times.
func (l load) mean(start, from, to time.Time) float64 {
	return (l.factorUntil(to.Sub(start).Seconds()) - l.factorUntil(from.Sub(start).Seconds())) / to.Sub(from).Seconds()
}

// at is the factor at a time.
func (l load) at(start, t time.Time) float64 {
	const instant = time.Microsecond
	return l.mean(start, t.Add(-instant), t)
}

// annotations are those of a guest under the load whose numbers are at the peak
// what peaks tells of.
func (l load) annotations(cached bool) string {
	const never = "4294967295"
	script := map[string]string{
		"shape-low-percent": fmt.Sprint(100 * l.low), "shape-start": never,
		"shape-rise-seconds": fmt.Sprint(l.rise.Seconds()), "shape-period-seconds": fmt.Sprint(l.period.Seconds()),
		"stats-cache": fmt.Sprint(cached),
		"cpu-percent": "80", "host-share-percent": "60",
		"load-1m": "1.5", "load-5m": "1.2", "load-15m": "0.9",
		"memory-used-percent": "60", "filesystem-used-percent": "50",
		"memory-major-page-faults-per-second": "500",
		"network-receive-bytes-per-second":    "1000000", "network-receive-packets-per-second": "1000",
		"network-transmit-bytes-per-second": "2000000", "network-transmit-packets-per-second": "1500",
		"storage-read-bytes-per-second": "400000", "storage-read-operations-per-second": "600",
		"storage-write-bytes-per-second": "800000", "storage-write-operations-per-second": "700",
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(script)) {
		pairs = append(pairs, fmt.Sprintf("script.guestmetrics.io/%s: %q", name, script[name]))
	}
	return strings.Join(pairs, ", ")
}

// A peak is the true value of a metric while the factor is 1.
type peak struct {
	value float64
	gauge bool // Of a moment, not of a span.
}

// guestMemory is what a guest of the local cluster sees of its 1 GiB.
const guestMemory = (1 << 20) * 94 / 100 * 1024

var peaks = map[string]peak{
	"guest_cpu_usage_cores":         {value: 0.6},
	"guest_cpu_utilization_percent": {value: 60},
	"guest_cpu_demand_percent":      {value: 80},
	"guest_cpu_steal_percent":       {value: 20},

	"guest_load_1m":                    {1.5, true},
	"guest_load_5m":                    {1.2, true},
	"guest_load_15m":                   {0.9, true},
	"guest_memory_used_bytes":          {0.6 * guestMemory, true},
	"guest_memory_utilization_percent": {60, true},

	"guest_memory_major_page_faults_per_second": {value: 500},
	"guest_network_receive_bytes_per_second":    {value: 1e6},
	"guest_network_transmit_bytes_per_second":   {value: 2e6},
	"guest_network_receive_packets_per_second":  {value: 1000},
	"guest_network_transmit_packets_per_second": {value: 1500},
	"guest_storage_read_bytes_per_second":       {value: 4e5},
	"guest_storage_write_bytes_per_second":      {value: 8e5},
	"guest_storage_read_operations_per_second":  {value: 600},
	"guest_storage_write_operations_per_second": {value: 700},

	"guest_filesystem_utilization_percent": {50, true},
}
