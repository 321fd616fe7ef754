package metric

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/reason"
	"guest-metrics-server/pkg/series"
)

// readRates sums the rates of a family's counters over the devices that match.
func readRates(family series.Family) readFunc {
	return func(w history.Window, match Match) (Reading, *reason.Error) {
		rates, ok := w.Rates(family, match, math.Inf(1))
		if !ok {
			return Reading{}, noRate(w, family, match)
		}
		return Reading{Value: rates.PerSecond, Weight: 1, At: rates.At, Span: rates.Span}, nil
	}
}

// readGauge reads a family of one series.
func readGauge(family series.Family) readFunc {
	return func(w history.Window, _ Match) (Reading, *reason.Error) {
		value, ok := latest(w, family)
		if !ok {
			return Reading{}, notReported(family)
		}
		return Reading{Value: value, Weight: 1, At: w.Newest()}, nil
	}
}

func readMemory(value func(used, available float64) float64) readFunc {
	return func(w history.Window, _ Match) (Reading, *reason.Error) {
		available, ok := latest(w, series.MemoryAvailableBytes)
		if !ok || available == 0 {
			return Reading{}, notReported(series.MemoryAvailableBytes)
		}
		usable, ok := latest(w, series.MemoryUsableBytes)
		if !ok {
			return Reading{}, notReported(series.MemoryUsableBytes)
		}
		used := max(0, available-usable) // The two are not read at the same moment.
		return Reading{Value: value(used, available), Weight: available, At: w.Newest()}, nil
	}
}

func readFilesystems(w history.Window, match Match) (Reading, *reason.Error) {
	fullest := Reading{Value: math.Inf(-1), Weight: 1, At: w.Newest()}
	capacities := make(map[string]float64)
	for filesystem, capacity := range w.Latest(series.FilesystemCapacityBytes) {
		capacities[filesystem] = capacity
	}
	if len(capacities) == 0 {
		return Reading{}, notReported(series.FilesystemCapacityBytes)
	}
	for filesystem, used := range w.Latest(series.FilesystemUsedBytes) {
		if capacity := capacities[filesystem]; capacity > 0 && match(series.DeviceName(filesystem)) {
			fullest.Value = max(fullest.Value, 100*min(used/capacity, 1))
		}
	}
	if math.IsInf(fullest.Value, -1) {
		return Reading{}, noneMatches(w, series.FilesystemUsedBytes)
	}
	return fullest, nil
}

func latest(w history.Window, family series.Family) (value float64, ok bool) {
	for _, value := range w.Latest(family) {
		return value, true
	}
	return 0, false
}

// noRate says why a family's counters on the devices that match have no rate.
func noRate(w history.Window, family series.Family, match Match) *reason.Error {
	samples, afterReset := w.Run()
	switch {
	case samples < 2 && afterReset:
		return reason.Errorf(reason.OneSample, "its counters began anew, a rate needs a second sample")
	case samples < 2:
		return reason.Errorf(reason.OneSample, "first sample taken, a rate needs a second one")
	case w.Unknown(family, match):
		return notReported(family)
	}
	for device := range w.Latest(family) {
		if match(device) {
			return reason.Errorf(reason.OneSample, "one of its counters has been read once, a rate needs a second sample")
		}
	}
	return noneMatches(w, family)
}

// notReported says that a series is missing. The source knows more of why.
func notReported(family series.Family) *reason.Error {
	return &reason.Error{Code: reason.NotReported, Detail: family.String() + " is not reported", Series: family.String()}
}

// maxNamed is how many devices an error names. A guest has as many mount points
// as it likes.
const maxNamed = 10

// noneMatches says why no device of a family could be used: there is none, or
// others are there than those asked for.
func noneMatches(w history.Window, family series.Family) *reason.Error {
	var devices []string
	for device := range w.Latest(family) {
		devices = append(devices, series.DeviceName(device))
	}
	if len(devices) == 0 {
		return notReported(family)
	}
	slices.Sort(devices)
	devices = slices.Compact(devices) // Two disks may be at one mount point.
	if more := len(devices) - maxNamed; more > 0 {
		devices = append(devices[:maxNamed], fmt.Sprintf("and %d more", more))
	}
	return reason.Errorf(reason.NotReported, "no %s with a value matches, of %s", family.DeviceLabel(), strings.Join(devices, ", "))
}
