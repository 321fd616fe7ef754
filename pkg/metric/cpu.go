package metric

import (
	"time"

	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/reason"
	"guest-metrics-server/pkg/series"
)

// cpu is what a guest's vCPUs did on average over a span.
type cpu struct {
	running float64 // Share of the time that a vCPU ran, 0-1.
	waiting float64 // Share of the time that a vCPU was runnable and waited for a host CPU, 0-1.
	vcpus   float64 // Number of vCPUs.
	span    time.Duration
}

// A vCPU cannot run for longer than the time that passes, but virt-handler's
// values may be seconds old and come without a timestamp, so that a span's
// growth may seem to exceed the span.
func clamp(share float64) float64 { return min(max(share, 0), 1) }

func readCPU(value func(cpu) float64) readFunc {
	return func(w history.Window, _ Match) (Reading, *reason.Error) {
		c, err := running(w)
		if err != nil {
			return Reading{}, err
		}
		return Reading{Value: value(c), Weight: c.vcpus, At: w.RatesAt(), Span: c.span}, nil
	}
}

func readCPUAndDelay(value func(cpu) float64) readFunc {
	return func(w history.Window, _ Match) (Reading, *reason.Error) {
		c, err := running(w)
		if err != nil {
			return Reading{}, err
		}
		share, _, ok := meanShare(w, series.VCPUDelaySeconds)
		if !ok {
			return Reading{}, notReported(series.VCPUDelaySeconds)
		}
		c.waiting = share
		return Reading{Value: value(c), Weight: c.vcpus, At: w.RatesAt(), Span: c.span}, nil
	}
}

func running(w history.Window) (cpu, *reason.Error) {
	if !w.HasRates() {
		return cpu{}, oneSample()
	}
	if milliseconds(w) {
		return cpu{}, reason.Errorf(reason.NotReported,
			"virt-handler reports vCPU time in a wrong unit, as KubeVirt before 1.6 does: upgrade KubeVirt")
	}
	share, span, ok := meanShare(w, series.VCPUSeconds)
	if !ok {
		return cpu{}, notReported(series.VCPUSeconds)
	}
	return cpu{running: share, vcpus: float64(w.Count(series.VCPUSeconds)), span: span}, nil
}

// meanShare returns the mean over vCPUs of a counter of seconds per second, and
// the longest span among them.
func meanShare(w history.Window, family series.Family) (share float64, span time.Duration, ok bool) {
	var n float64
	for _, rate := range w.Rates(family) {
		share += clamp(rate.PerSecond)
		span = max(span, rate.Span)
		n++
	}
	return share / max(n, 1), span, n > 0
}

// milliseconds recognises the pages of KubeVirt before 1.6, whose vCPU seconds
// are a thousand times too large (kubevirt#13731): the vCPUs of a guest cannot
// have run for longer than the QEMU process that they are a part of.
func milliseconds(w history.Window) bool {
	var vcpus float64
	for _, seconds := range w.Latest(series.VCPUSeconds) {
		vcpus += seconds
	}
	seconds, ok := latest(w, series.CPUUsageSeconds)
	return ok && seconds > 0 && vcpus > 10*seconds
}
