package metric

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/sample"
	"guest-metrics-server/pkg/unknown"
)

// readRates sums the rates of a family's counters over the instances that match.
func readRates(family sample.Family) readFunc {
	return func(w history.Window, match Match) (Reading, *unknown.Error) {
		if !w.HasRates() {
			return Reading{}, oneSample()
		}
		sum := Reading{At: w.RatesAt(), Weight: 1}
		found := false
		for instance, rate := range w.Rates(family) {
			if match(instance) {
				sum.Value += rate.PerSecond
				sum.Span = max(sum.Span, rate.Span)
				found = true
			}
		}
		if !found {
			return Reading{}, noneMatches(w, family)
		}
		return sum, nil
	}
}

// readGauge reads a family of one series.
func readGauge(family sample.Family) readFunc {
	return func(w history.Window, _ Match) (Reading, *unknown.Error) {
		value, ok := latest(w, family)
		if !ok {
			return Reading{}, notReported(family)
		}
		return Reading{Value: value, Weight: 1, At: w.Newest()}, nil
	}
}

func readMemory(value func(used, available float64) float64) readFunc {
	return func(w history.Window, _ Match) (Reading, *unknown.Error) {
		available, ok := latest(w, sample.MemoryAvailableBytes)
		if !ok || available == 0 {
			return Reading{}, notReported(sample.MemoryAvailableBytes)
		}
		usable, ok := latest(w, sample.MemoryUsableBytes)
		if !ok {
			return Reading{}, notReported(sample.MemoryUsableBytes)
		}
		used := max(0, available-usable) // The two are not read at the same moment.
		return Reading{Value: value(used, available), Weight: available, At: w.Newest()}, nil
	}
}

func readFilesystems(w history.Window, match Match) (Reading, *unknown.Error) {
	fullest := Reading{Value: math.Inf(-1), Weight: 1, At: w.Newest()}
	capacities := make(map[string]float64)
	for mountPoint, capacity := range w.Latest(sample.FilesystemCapacityBytes) {
		capacities[mountPoint] = capacity
	}
	if len(capacities) == 0 {
		return Reading{}, notReported(sample.FilesystemCapacityBytes)
	}
	for mountPoint, used := range w.Latest(sample.FilesystemUsedBytes) {
		if capacity := capacities[mountPoint]; capacity > 0 && match(mountPoint) {
			fullest.Value = max(fullest.Value, 100*clamp(used/capacity))
		}
	}
	if math.IsInf(fullest.Value, -1) {
		return Reading{}, noneMatches(w, sample.FilesystemUsedBytes)
	}
	return fullest, nil
}

func latest(w history.Window, family sample.Family) (value float64, ok bool) {
	for _, value := range w.Latest(family) {
		return value, true
	}
	return 0, false
}

func oneSample() *unknown.Error {
	return unknown.Errorf(unknown.OneSample, "first sample taken, a rate needs a second one")
}

func notReported(family sample.Family) *unknown.Error {
	if family.IsGuestHTTP() {
		return unknown.Errorf(unknown.NotReported, "the guest's status page does not tell its %s", family)
	}
	err := unknown.Errorf(unknown.NotReported, "virt-handler's page has no usable %s of this VMI", family)
	err.Series = family.String()
	return err
}

// maxNamed is how many instances an error names. A guest has as many mount points
// as it likes.
const maxNamed = 10

// noneMatches tells why no instance of a family could be used: there is none, or
// others are there than those asked for.
func noneMatches(w history.Window, family sample.Family) *unknown.Error {
	if _, ok := latest(w, family); ok && family.Instance() == "" {
		return unknown.Errorf(unknown.OneSample, "its counter began anew, a rate needs a second sample")
	}
	var instances []string
	for instance := range w.Latest(family) {
		instances = append(instances, instance)
	}
	if len(instances) == 0 {
		return notReported(family)
	}
	slices.Sort(instances)
	if more := len(instances) - maxNamed; more > 0 {
		instances = append(instances[:maxNamed], fmt.Sprintf("and %d more", more))
	}
	return unknown.Errorf(unknown.NotReported, "no %s with a value matches, of %s", family.Instance(), strings.Join(instances, ", "))
}
