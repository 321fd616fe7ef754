package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"guest-metrics-server/pkg/hpa"
)

// hour is a simulation as drawn, with what its properties need to know.
type hour struct {
	Config
	form   form
	shape  string
	target float64   // a guest's CPUs, 0-1
	demand []float64 // of each second
}

const seconds = 3600

// drawHour draws everything from the seed.
func drawHour(seed uint64) hour {
	r := rand.New(rand.NewPCG(seed, 1))
	h := hour{form: forms[r.IntN(len(forms))], target: pick(r, 0.3, 0.5, 0.7)}
	h.Seed, h.Duration, h.Nodes = seed, seconds*time.Second, 1+r.IntN(4)
	h.shape, h.demand = drawDemand(r, h.target, "constant", "ramp", "steps", "walk", "bursts")
	h.Demand = func(at time.Duration) float64 { return h.demand[min(int(at/time.Second), seconds-1)] }

	minBoot := time.Duration(30+r.IntN(60)) * time.Second
	h.Guests = Guests{
		VCPUs: pick(r, 1, 2, 4), MinBoot: minBoot, MaxBoot: minBoot + time.Duration(r.IntN(31))*time.Second,
	}
	if h.form.metric.Name == "guest_http_requests_per_second" {
		h.Guests.Requests = pick(r, 200.0, 10_000)
	}
	h.Server = defaults
	h.Server.ScrapeInterval = pick(r, 15*time.Second, 15*time.Second, 9750*time.Millisecond, 16250*time.Millisecond)
	if h.Server.ScrapeInterval != defaults.ScrapeInterval {
		h.Server.RateWindow = h.Server.ScrapeInterval * pick(r, time.Duration(2), 3)
	}
	h.Server.Warmup = pick(r, 30*time.Second, time.Minute, time.Minute, 2*time.Minute)
	h.Guests.Burn = pick(r, 0, h.Server.Warmup/2, h.Server.Warmup-5*time.Second) // What burns for longer is what the warm-up is for.
	h.HPA = h.form.hpa(h.Guests, h.target)
	h.HPA.Replicas = int32(max(1, math.Ceil(h.demand[0]/h.target)))
	if r.IntN(3) == 0 {
		h.shorten(pick(r, 90*time.Second, 2*time.Minute, 3*time.Minute))
	}
	if r.IntN(2) == 0 {
		h.drawEvents(r)
	}
	// Kubernetes before 1.38 takes finished launcher pods for missing values of
	// Pods metrics, and then does not scale: docs/pods-or-object.md.
	h.HPA.Controller.IgnoreSucceeded = h.form.metric.Source == hpa.Pods
	return h
}

// shorten gives the HPA a behavior with this stabilization of scaling down.
func (h *hour) shorten(stabilization time.Duration) {
	h.HPA.Spec.Behavior = &hpa.Behavior{ScaleUp: hpa.DefaultScaleUp(), ScaleDown: hpa.DefaultScaleDown()}
	h.HPA.Spec.Behavior.ScaleDown.StabilizationWindow = &stabilization
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// drawDemand draws a demand of one of the shapes, which up to 18 replicas can do.
func drawDemand(r *rand.Rand, target float64, shapes ...string) (shape string, demand []float64) {
	level := func() float64 { return (0.3 + 17*math.Pow(r.Float64(), 1.5)) * target }
	demand = make([]float64, seconds)
	from, to := level(), level()
	shape = pick(r, shapes...)
	begin, length := r.IntN(seconds/2), 60+r.IntN(seconds/3)
	period, on := 60+r.IntN(600), 10+r.IntN(120)
	for i := range demand {
		switch shape {
		case "constant":
			demand[i] = from
		case "ramp":
			demand[i] = from + (to-from)*min(1, max(0, float64(i-begin)/float64(length)))
		case "steps":
			if i%length == length-1 {
				from = level()
			}
			demand[i] = from
		case "walk":
			from = min(18*target, max(0, from+0.03*target*r.NormFloat64()))
			demand[i] = from
		case "bursts":
			demand[i] = from
			if i%period < on {
				demand[i] = max(from, to)
			}
		}
	}
	return shape, demand
}

func (h *hour) drawEvents(r *rand.Rand) {
	kinds := []Kind{NodeUnread, GuestUnread, UnreadZeros, GuestPaused, GuestDies, Migration, Migration, ServerStarts}
	if h.Nodes > 1 {
		kinds = append(kinds, NodeDown)
	}
	for range 1 + r.IntN(5) {
		e := Event{At: time.Duration(r.IntN(seconds)) * time.Second, Kind: pick(r, kinds...), For: time.Duration(5+r.IntN(pick(r, 60, 180, 900))) * time.Second}
		if e.Kind == UnreadZeros && !*strict {
			continue // Until two zeros in a row are no reset.
		}
		h.Events = append(h.Events, e)
	}
}

// String says what was drawn.
func (h *hour) String() string {
	var out strings.Builder
	stabilization := h.HPA.Controller.DownscaleStabilization
	if b := h.HPA.Spec.Behavior; b != nil {
		stabilization = *b.ScaleDown.StabilizationWindow
	}
	fmt.Fprintf(&out, "%s, target %g, stabilization %s, demand: %s, %d nodes\n%+v\n%+v\n", h.form.name, h.target, stabilization, h.shape, h.Nodes, h.Guests, h.Server)
	return out.String()
}
