package guesthttp

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// stub returns nginx's stub_status.
func stub(requests float64) string {
	return fmt.Sprintf("Active connections: 1 \nserver accepts handled requests\n 1 1 %.0f \nReading: 0 Writing: 1 Waiting: 0 \n", requests)
}

func TestOurOwnReadsAreSubtracted(t *testing.T) {
	const bad = "" // Our read of it is a request all the same.
	for _, test := range []struct {
		name      string
		responses []string
		want      []float64
	}{
		{"nobody but us", []string{stub(7), stub(8), stub(9)}, []float64{7, 7, 7}},
		{"others beside us", []string{stub(7), stub(18), stub(19)}, []float64{7, 17, 17}},
		{"reads with a bad response count", []string{stub(7), bad, bad, stub(10), stub(14)}, []float64{7, math.NaN(), math.NaN(), 7, 10}},
		{"reads before the first response do not", []string{bad, stub(7), stub(8)}, []float64{math.NaN(), 7, 7}},
		{"a server that does not count us loses no more than it grows", []string{stub(7), stub(7), stub(7), stub(9)}, []float64{7, 7, 7, 8}},
		{"a restart is a fall", []string{stub(100), stub(101), stub(3), stub(4)}, []float64{100, 100, 2, 2}},
		{"a restart to almost the same is a fall", []string{stub(100), stub(101), stub(100)}, []float64{100, 100, 99}},
		{"a restart can make it negative", []string{stub(1), stub(2), stub(3), stub(1), stub(2)}, []float64{1, 1, 1, -1, -1}},
		{"another server counts anew", []string{stub(7), stub(8), "http_requests_total 3\n", "http_requests_total 4\n", stub(9), stub(10)}, []float64{7, 7, 3, 4, 9, 9}},
		{"an exporter asks the server each time", []string{"nginx_http_requests_total 7\n", "nginx_http_requests_total 8\n"}, []float64{7, 7}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDecoder(t, Endpoint{})
			var got []float64
			for _, text := range test.responses {
				counts, err := d.Decode(strings.NewReader(text))
				if err != nil {
					counts.Requests = math.NaN()
				}
				got = append(got, counts.Requests)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestOurOwnReadsAreSubtractedFromAWellKnownCounterOfAUser(t *testing.T) {
	d := newDecoder(t, Endpoint{Series: `{__name__="nginx_http_requests_total"}`})
	for _, text := range []string{"nginx_http_requests_total 7\n", "nginx_http_requests_total 8\n"} {
		counts, err := d.Decode(strings.NewReader(text))
		if err != nil || counts.Requests != 7 {
			t.Errorf("got %+v, %v; want 7 requests", counts, err)
		}
	}
}
