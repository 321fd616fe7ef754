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
	at      time.Time
	span    time.Duration
}

// most is how long a vCPU runs or waits at most, per second. virt-handler's values
// may be seconds old and come without a timestamp, so that more may seem to be.
const most = 1

func readCPU(value func(cpu) float64) readFunc {
	return func(w history.Window, _ Match) (Reading, *reason.Error) {
		c, err := running(w)
		if err != nil {
			return Reading{}, err
		}
		return c.reading(value(c)), nil
	}
}

func readCPUAndDelay(value func(cpu) float64) readFunc {
	return func(w history.Window, _ Match) (Reading, *reason.Error) {
		for {
			c, err := running(w)
			if err != nil {
				return Reading{}, err
			}
			delay, ok := w.Rates(series.VCPUDelaySeconds, Every, most)
			if !ok {
				return Reading{}, noRate(w, series.VCPUDelaySeconds, Every)
			}
			// One could not be read of late: both are to be of the same time.
			sameTime := delay.At.Equal(c.at)
			w = w.Until(c.at).Until(delay.At)
			if !sameTime {
				continue
			}
			if !w.SameDevices(series.VCPUSeconds, series.VCPUDelaySeconds) {
				return Reading{}, notReported(series.VCPUDelaySeconds)
			}
			c.waiting = delay.PerSecond / c.vcpus
			return c.reading(value(c)), nil
		}
	}
}

func (c *cpu) reading(value float64) Reading {
	return Reading{Value: value, Weight: c.vcpus, At: c.at, Span: c.span}
}

func running(w history.Window) (cpu, *reason.Error) {
	rates, ok := w.Rates(series.VCPUSeconds, Every, most)
	total := rates.Total
	if ok {
		w = w.Until(rates.At) // What it is compared with is of the same QEMU.
	} else {
		for _, seconds := range w.Latest(series.VCPUSeconds) {
			total += seconds
		}
	}
	switch {
	case isMilliseconds(total, w):
		return cpu{}, reason.Errorf(reason.NotReported,
			"virt-handler reports vCPU time in a wrong unit, as KubeVirt before 1.6 does: upgrade KubeVirt")
	case !ok:
		return cpu{}, noRate(w, series.VCPUSeconds, Every)
	case total == 0:
		return cpu{}, notReported(series.VCPUSeconds) // A guest that runs has run.
	}
	vcpus := float64(rates.Devices)
	return cpu{running: rates.PerSecond / vcpus, vcpus: vcpus, at: rates.At, span: rates.Span}, nil
}

// isMilliseconds detects the responses of KubeVirt before 1.6, whose vCPU seconds are
// a thousand times too large (kubevirt#13731): the vCPUs of a guest cannot have run
// for longer than the QEMU process that they are a part of.
func isMilliseconds(vcpuSeconds float64, w history.Window) bool {
	seconds, ok := latest(w, series.CPUUsageSeconds)
	return ok && seconds > 0 && vcpuSeconds > 10*seconds
}
