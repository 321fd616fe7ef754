package metric

import "fmt"

// Aggregation is how the values of a group's members become the group's value.
type Aggregation string

// The aggregations that metrics have on their own.
const (
	Sum          Aggregation = "sum"
	WeightedMean Aggregation = "weighted mean"
)

// Members is what is known of the members of a group at one moment.
type Members struct {
	Readings []Reading // Of the members whose value is known.
	Unknown  int       // Members that count, but whose value is not known.
	Warming  int       // Members that run but do not count yet: others carry their load.
}

// TooFewKnownError says that too much of a group is unknown to tell its value.
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
// taken to be like the known ones; a warming member to have no load. When less
// than minKnownFraction of the counting members is known, or none counts, the
// error is a TooFewKnownError.
func (a Aggregation) Combine(m Members, minKnownFraction float64) (Reading, error) {
	known := len(m.Readings)
	counting := known + m.Unknown
	if known == 0 || float64(known)/float64(counting) < minKnownFraction {
		return Reading{}, &TooFewKnownError{Known: known, Counting: counting, MinKnownFraction: minKnownFraction}
	}
	group := Reading{At: m.Readings[0].At}
	var sum, weighted float64
	for _, r := range m.Readings {
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
	case WeightedMean:
		group.Value = weighted / group.Weight * float64(counting) / float64(counting+m.Warming)
	default:
		return Reading{}, fmt.Errorf("unknown aggregation %q", a)
	}
	return group, nil
}
