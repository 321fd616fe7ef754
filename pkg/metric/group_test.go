package metric

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// readings returns a reading for each pair of a value and a weight.
func readings(pairs ...[2]float64) []Reading {
	var all []Reading
	for _, p := range pairs {
		all = append(all, Reading{Value: p[0], Weight: p[1], At: noon, Span: 30 * time.Second})
	}
	return all
}

func TestCombine(t *testing.T) {
	for _, test := range []struct {
		name      string
		members   Members
		sum, mean float64
		weight    float64
	}{
		{"one member", Members{Readings: readings([2]float64{60, 2})}, 60, 60, 2},
		{"members weigh what they weigh in a mean", Members{Readings: readings([2]float64{90, 1}, [2]float64{30, 3})}, 120, 45, 4},
		{"idle members count", Members{Readings: readings([2]float64{0, 2}, [2]float64{80, 2})}, 80, 40, 4},
		{
			"an unknown member is taken to be like the others",
			Members{Readings: readings([2]float64{90, 1}, [2]float64{30, 1}), Unknown: 1},
			180, 60, 2,
		},
		{
			"a warming member has no load yet",
			Members{Readings: readings([2]float64{90, 1}, [2]float64{90, 1}), Warming: []float64{1}},
			180, 60, 2,
		},
		{
			"unknown and warming members",
			Members{Readings: readings([2]float64{80, 2}, [2]float64{80, 2}), Unknown: 2, Warming: []float64{2, 2, 2, 2}},
			320, 40, 4,
		},
		{
			"a warming member weighs what it weighs",
			Members{Readings: readings([2]float64{90, 16}), Warming: []float64{2}},
			90, 80, 16,
		},
		{
			"a warming member of unknown weight weighs as much as the others",
			Members{Readings: readings([2]float64{80, 3}, [2]float64{80, 5}), Warming: []float64{0, 0}},
			160, 40, 8,
		},
		{"as many unknown as may be", Members{Readings: readings([2]float64{50, 1}), Unknown: 1}, 100, 50, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			for aggregation, want := range map[Aggregation]float64{Sum: test.sum, WeightedMean: test.mean} {
				got, err := aggregation.Combine(test.members, 0.5)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(Reading{Value: want, Weight: test.weight, At: noon, Span: 30 * time.Second}, got); diff != "" {
					t.Errorf("%s, -want +got:\n%s", aggregation, diff)
				}
			}
		})
	}
}

func TestAGroupIsAsOldAsItsOldestMemberAndSpansTheLongest(t *testing.T) {
	members := readings([2]float64{1, 1}, [2]float64{2, 1}, [2]float64{3, 1})
	members[0].Span = 15 * time.Second
	members[1].At = noon.Add(-20 * time.Second)
	members[2].At, members[2].Span = noon.Add(5*time.Second), 31*time.Second
	got, err := Sum.Combine(Members{Readings: members}, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	want := Reading{Value: 6, Weight: 3, At: noon.Add(-20 * time.Second), Span: 31 * time.Second}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTooFewKnown(t *testing.T) {
	known := func(n int) []Reading { return make([]Reading, n) }
	for _, test := range []struct {
		name     string
		members  Members
		fraction float64
		want     string // "" when enough are known.
	}{
		{"nobody", Members{}, 0.5, "no member counts yet"},
		{"only warming members", Members{Warming: []float64{1, 1, 1}}, 0.5, "no member counts yet"},
		{"only unknown members", Members{Unknown: 3}, 0.5, "the value of 0 of 3 members is known, less than the fraction of 0.5 that is asked for"},
		{"only unknown members, however few are asked for", Members{Unknown: 3}, 1e-9, "the value of 0 of 3 members is known, less than the fraction of 1e-09 that is asked for"},
		{"less than half", Members{Readings: known(2), Unknown: 3}, 0.5, "the value of 2 of 5 members is known, less than the fraction of 0.5 that is asked for"},
		{"half", Members{Readings: known(2), Unknown: 2}, 0.5, ""},
		{"warming members are not asked for", Members{Readings: known(1), Warming: make([]float64, 9)}, 0.5, ""},
		{"exactly the fraction, which binary numbers do not hold exactly", Members{Readings: known(7), Unknown: 18}, 0.28, ""},
		{"all, where all are asked for", Members{Readings: known(3)}, 1, ""},
		{"all but one, where all are asked for", Members{Readings: known(2), Unknown: 1}, 1, "the value of 2 of 3 members is known, less than the fraction of 1 that is asked for"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Sum.Combine(test.members, test.fraction)
			got := ""
			if tooFew, ok := errors.AsType[*TooFewKnownError](err); ok {
				got = tooFew.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAnAggregationThatThereIsNot(t *testing.T) {
	if _, err := Aggregation("product").Combine(Members{Readings: readings([2]float64{1, 1})}, 0.5); err == nil {
		t.Error("got no error")
	}
}
