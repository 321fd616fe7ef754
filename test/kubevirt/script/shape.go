package script

import (
	"math"
	"time"
)

// Numbers that shape a script over time: they scale all that the guest does, by
// the same factor, from ShapeLowPercent to 100 %. The factor is low until the
// start, then rises; with a period it is low again in the second half of each.
//
//	ramp    start and rise    from low to high, evenly, and stays
//	step    start             from low to high, at once, and stays
//	square  start and period  high, low, high, low
//
// A shape goes by the clock and not by when the script is noticed, so that
// whoever wrote it knows the truth.
const (
	ShapeLowPercent    Name = "shape-low-percent"
	ShapeStart         Name = "shape-start" // Unix time in seconds
	ShapeRiseSeconds   Name = "shape-rise-seconds"
	ShapePeriodSeconds Name = "shape-period-seconds"
)

// work returns how long the guest would need for what it does from one moment
// to another if it did all of it at the high factor.
func (s Script) work(from, to time.Time) time.Duration {
	if s.Number(ShapeLowPercent) == 100 {
		return to.Sub(from) // exact, which a difference of floats is not
	}
	return time.Duration(math.Round((s.workUntil(to) - s.workUntil(from)) * float64(time.Second)))
}

// workUntil is the integral of the factor since the shape's start, in seconds.
func (s Script) workUntil(t time.Time) float64 {
	low, since, half := s.shape(t)
	if since <= 0 {
		return low * since
	}
	periods := math.Floor(since / (2 * half)) // 0 of one that never ends
	if periods == 0 {
		return s.workWithin(low, since, half)
	}
	return periods*s.workWithin(low, 2*half, half) + s.workWithin(low, since-periods*2*half, half)
}

// workWithin is workUntil within the first period.
func (s Script) workWithin(low, since, half float64) float64 {
	high := math.Min(since, half)
	rising := math.Min(high, s.Number(ShapeRiseSeconds))
	work := low*since + (1-low)*(high-rising)
	if rising > 0 {
		work += (1 - low) * rising * rising / (2 * s.Number(ShapeRiseSeconds))
	}
	return work
}

// Factor returns what all numbers of the script are to be multiplied by at a
// time, from 0 to 1.
func (s Script) Factor(t time.Time) float64 {
	low, since, half := s.shape(t)
	if since <= 0 {
		return low
	}
	if periods := math.Floor(since / (2 * half)); periods > 0 {
		since -= periods * 2 * half
	}
	switch rise := s.Number(ShapeRiseSeconds); {
	case since >= half:
		return low
	case since < rise:
		return low + (1-low)*since/rise
	default:
		return 1
	}
}

// shape returns the low factor, the seconds since the start, and half a period.
func (s Script) shape(t time.Time) (low, since, half float64) {
	start := time.Unix(0, int64(s.Number(ShapeStart)*float64(time.Second)))
	half = s.Number(ShapePeriodSeconds) / 2
	if half == 0 {
		half = math.Inf(1)
	}
	return s.Number(ShapeLowPercent) / 100, t.Sub(start).Seconds(), half
}
