package metric

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Aggregation is how the values of a group's members become the group's value.
type Aggregation string

// The aggregations. A metric has one of the first three on its own; all but the
// weighted mean can be asked for.
const (
	Sum          Aggregation = "sum"
	WeightedMean Aggregation = "weighted mean"
	Max          Aggregation = "max"
	Mean         Aggregation = "avg"
	Min          Aggregation = "min"
	P50          Aggregation = "p50"
	P90          Aggregation = "p90"
	P95          Aggregation = "p95"
	P99          Aggregation = "p99"
)

// Aggregations lists those that can be asked for.
func Aggregations() []Aggregation {
	return []Aggregation{Sum, Mean, Min, Max, P50, P90, P95, P99}
}

var percentiles = map[Aggregation]float64{P50: 0.5, P90: 0.9, P95: 0.95, P99: 0.99}

// Members is what is known of the members of a group at one moment.
type Members struct {
	Readings []Reading // Of the members whose value is known.
	Unknown  int       // Members that count, but whose value is not known.
	Warming  []float64 // What members weigh that do not count yet, since others carry their load; 0 where it is not known.
}

// TooFewKnownError says that too much of a group is unknown to know its value.
type TooFewKnownError struct {
	Known, Counting  int
	MinKnownFraction float64
}

func (e *TooFewKnownError) Error() string {
	if e.Counting == 0 {
		return "no member counts yet"
	}
	return fmt.Sprintf("the value of %d of %d members is known, less than the fraction of %g that is asked for",
		e.Known, e.Counting, e.MinKnownFraction)
}

// Combine returns the value of a group. A member that counts but is unknown is
// taken to be like the known ones, a warming member to have no load. Min, max and
// percentiles (nearest rank) are of the known members. When less than
// minKnownFraction of the counting members is known, or none counts, the error
// is a TooFewKnownError.
func (a Aggregation) Combine(m Members, minKnownFraction float64) (Reading, error) {
	known := len(m.Readings)
	counting := known + m.Unknown
	if known == 0 || float64(known)/float64(counting) < minKnownFraction {
		return Reading{}, &TooFewKnownError{Known: known, Counting: counting, MinKnownFraction: minKnownFraction}
	}
	group := Reading{At: m.Readings[0].At}
	var sum, weighted float64
	values := make([]float64, 0, known)
	for _, r := range m.Readings {
		values = append(values, r.Value)
		sum += r.Value
		weighted += r.Value * r.Weight
		group.Weight += r.Weight
		group.Span = max(group.Span, r.Span)
		if r.At.Before(group.At) {
			group.At = r.At
		}
	}
	switch a {
	case Sum:
		group.Value = sum * float64(counting) / float64(known)
	case Mean:
		group.Value = sum / float64(known) * float64(counting) / float64(counting+len(m.Warming))
	case WeightedMean:
		typical := group.Weight / float64(known)
		carrying, idle := typical*float64(counting), 0.0
		for _, weight := range m.Warming {
			idle += cmp.Or(weight, typical)
		}
		group.Value = weighted / group.Weight * carrying / (carrying + idle)
	case Min:
		group.Value = slices.Min(values)
	case Max:
		group.Value = slices.Max(values)
	default:
		share, ok := percentiles[a]
		if !ok {
			return Reading{}, fmt.Errorf("unknown aggregation %q", a)
		}
		slices.Sort(values)
		group.Value = values[int(math.Ceil(share*float64(known)))-1]
	}
	return group, nil
}
