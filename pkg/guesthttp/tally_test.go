package guesthttp

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stub returns nginx's stub_status.
func stub(requests float64) string {
	return fmt.Sprintf("Active connections: 1 \nserver accepts handled requests\n 1 1 %.0f \nReading: 0 Writing: 1 Waiting: 0 \n", requests)
}

// reqs returns an exposition with the series reqs{a="x"}, reqs{a="y"} and so on,
// from values such as "x=3 y=4".
func reqs(values string) string {
	var out strings.Builder
	for _, text := range strings.Fields(values) {
		name, value, _ := strings.Cut(text, "=")
		fmt.Fprintf(&out, "reqs{a=%q} %s\n", name, value)
	}
	return out.String()
}

// read decodes a response and renders what it says: "7", "anew" or "incomplete".
func read(t testing.TB, d *Decoder, response string) string {
	t.Helper()
	counts, err := d.Decode(strings.NewReader(response))
	switch {
	case errors.Is(err, errIncomplete):
		return "incomplete"
	case err != nil:
		return "error"
	case counts.Anew && counts.Requests == 0:
		return "anew"
	default:
		return fmt.Sprint(counts.Requests)
	}
}

func TestEachSeriesIsCountedByItself(t *testing.T) {
	for _, test := range []struct {
		name      string
		responses []string
		want      []string
	}{
		{"the first response is the base", []string{"x=100 y=10", "x=103 y=11"}, []string{"anew", "4"}},
		{"a new series began at zero", []string{"x=1", "x=2", "x=2 y=5"}, []string{"anew", "1", "6"}},
		{"a new one in the second response may have been left out of the first", []string{"x=1", "x=2 y=9000", "x=3 y=9001"}, []string{"anew", "anew", "2"}},
		{"and that is forgiven once", []string{"x=1", "x=2 y=9000", "x=3 y=9001 z=2"}, []string{"anew", "anew", "4"}},
		{"one without requests says nothing", []string{"x=1", "x=2 y=0", "x=3 y=5"}, []string{"anew", "1", "7"}},
		{"a series that falls has grown by its new value", []string{"x=100 y=10", "x=3 y=11", "x=4 y=11"}, []string{"anew", "4", "5"}},
		{"one that is missing keeps its value, and one that grew before is awaited", []string{"x=100 y=10", "x=103 y=11", "y=12", "x=106 y=12"}, []string{"anew", "4", "incomplete", "8"}},
		{"one that was idle is not awaited", []string{"x=100 y=10", "x=100 y=11", "y=12", "x=106 y=12"}, []string{"anew", "1", "2", "8"}},
		{"nothing is awaited twice in a row", []string{"x=1 y=1 z=1", "x=2 y=2 z=2", "x=3 y=3", "x=4", "x=5 y=5 z=5"}, []string{"anew", "3", "incomplete", "6", "12"}},
		{"all that fall or are missing are a restart", []string{"x=100 y=10", "x=103 y=11", "x=50", "x=51 y=2"}, []string{"anew", "4", "anew", "3"}},
		{"others in their place are a restart", []string{"x=100", "x=103", "y=1", "y=4"}, []string{"anew", "3", "anew", "3"}},
		{"zeros do not go on: servers begin with them", []string{"x=100 y=0", "x=103 y=0", "x=0 y=0", "x=2 y=0"}, []string{"anew", "3", "anew", "2"}},
		{"one that is missing beside zeros is awaited", []string{"x=100 y=0", "x=103 y=0", "y=0", "x=109 y=0"}, []string{"anew", "3", "incomplete", "9"}},
		{"also right after the base", []string{"x=100 y=0", "y=0", "x=109 y=0"}, []string{"anew", "incomplete", "9"}},
		{"and may have fallen meanwhile", []string{"x=100 y=0", "x=103 y=0", "y=0", "x=2 y=0"}, []string{"anew", "3", "incomplete", "5"}},
		{"an idle one that is missing beside zeros is no restart", []string{"x=100 y=0", "x=100 y=0", "y=0", "x=101 y=0"}, []string{"anew", "0", "0", "1"}},
		{"an idle server goes on", []string{"x=0 y=0", "x=0 y=0", "x=0"}, []string{"anew", "0", "0"}},
		{"one that the base lacks did not grow since then", []string{"x=100 y=10", "x=103 y=11", "x=50", "x=51 y=12", "x=52 y=13"}, []string{"anew", "4", "anew", "1", "3"}},
		{"nor if it was missing before, even if it fell", []string{"x=100 y=10", "x=103 y=10", "x=104", "x=50", "x=51 y=2", "x=52 y=3"}, []string{"anew", "3", "4", "anew", "1", "3"}},
		{"one that is back after a while goes on", []string{"x=5 y=5", "x=6 y=6", "x=7", "y=8", "x=9 y=9"}, []string{"anew", "2", "incomplete", "5", "8"}},
		{"the order of lines makes no difference", []string{"x=1 y=2", "y=3 x=2"}, []string{"anew", "2"}},
		{"lines of one series are added", []string{"x=1 x=2 y=1", "x=2 x=3 y=1"}, []string{"anew", "2"}},
		{"a fraction of a request does not count", []string{"x=1.5", "x=2.4", "x=2.6"}, []string{"anew", "0", "1"}},
		{"a response with an error changes nothing", []string{"x=1 y=1", "x=2 y=2", "x=9 y=-1", "x=3 y=3"}, []string{"anew", "2", "error", "4"}},
		{"more than can be counted begins anew", []string{"x=0", "x=9e15", "x=1", "x=9e15", "x=0"}, []string{"anew", "9e+15", "anew", "8.999999999999999e+15", "anew"}},
		{"growth beyond counting begins anew", []string{"x=1 y=1", "x=5e15 y=1", "x=1 y=8e15", "x=2 y=8e15"}, []string{"anew", "4.999999999999999e+15", "anew", "1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDecoder(t, Endpoint{Series: "reqs"})
			var got []string
			for _, values := range test.responses {
				got = append(got, read(t, d, reqs(values)))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestSeriesAreTheSameWhateverTheOrderOfTheirLabels(t *testing.T) {
	for _, test := range []struct {
		name, before, after, want string
	}{
		{"another order", `reqs{a="1",b="2"}`, `reqs{b="2", a="1",}`, "4"},
		{"values that are exchanged", `reqs{a="1",b="2"}`, `reqs{a="2",b="1"}`, "7"},
		{"a label and its value that are exchanged", `reqs{a="b"}`, `reqs{b="a"}`, "7"},
		{"a label that is longer by what its value is shorter", `reqs{a="b1"}`, `reqs{ab="1"}`, "7"},
		{"another name", `reqs{a="1"}`, `reqs_total{a="1"}`, "7"},
		{"no labels", `reqs{a="1"}`, `reqs`, "7"},
		{"an escape", `reqs{a="\\n"}`, `reqs{a="\n"}`, "7"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDecoder(t, Endpoint{Series: `{__name__=~"reqs.*"}`})
			for range 2 {
				read(t, d, "reqs_other 1\n"+test.before+" 3\n")
			}
			read(t, d, "reqs_other 1\n") // Of an idle one: it need not be awaited.
			if got := read(t, d, "reqs_other 1\n"+test.after+" 7\n"); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestAnotherStartTimeIsARestart(t *testing.T) {
	const started = "process_start_time_seconds 1.7819e+09\n"
	for _, test := range []struct {
		name, before, after, want string
	}{
		{"the same", started, started, "8"},
		{"shifted by a corrected clock", started, "process_start_time_seconds 1781900002\n", "8"},
		{"later", started, "process_start_time_seconds 1781900003\n", "anew"},
		{"earlier, as of another process behind the same port", started, "process_start_time_seconds 1781899997\n", "anew"},
		{"only now", "", started, "8"},
		{"no more", started, "", "8"},
		{"of something else", started, "process_start_time_seconds{job=\"other\"} 1781999999\n" + started, "8"},
		{"no number", started, "process_start_time_seconds soon\n", "8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDecoder(t, Endpoint{Series: "reqs"})
			read(t, d, reqs("x=1 y=1")+test.before)
			if got := read(t, d, reqs("x=5 y=5")+test.after); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestAMissingSeriesIsRememberedForAWhile(t *testing.T) {
	for _, test := range []struct {
		missing int
		want    string
	}{
		{rememberedFor - 1, "1"},
		{rememberedFor, "1001"},
	} {
		d := newDecoder(t, Endpoint{Series: "reqs"})
		for range 2 {
			read(t, d, reqs("x=1 y=1000"))
		}
		for range test.missing {
			read(t, d, reqs("x=1"))
		}
		if got := read(t, d, reqs("x=1 y=1001")); got != test.want {
			t.Errorf("after %d responses without it: got %s, want %s", test.missing, got, test.want)
		}
	}
}

func TestSeriesThatComeAndGoAreBounded(t *testing.T) {
	d := newDecoder(t, Endpoint{Series: "reqs"})
	response := func(first, n int) string {
		var out strings.Builder
		for i := range n {
			fmt.Fprintf(&out, "reqs{a=\"%d\"} 5\n", first+i)
		}
		return out.String() + "reqs 1\n"
	}
	var last error
	for round := range 19 {
		_, err := d.Decode(strings.NewReader(response(round*3000, 3000)))
		if known := len(d.tally.series); known > maxSeries {
			t.Fatalf("%d series are remembered, the bound is %d", known, maxSeries)
		}
		if last = err; (err != nil) != (round > 1) { // The one after the base awaits series that are gone.
			t.Errorf("response %d: %v", round, err)
		}
	}
	const want = "its series come and go: this response has 3001, and the 20 responses before it had more than 10000 in all: select series with fewer label values, with the annotation guestmetrics.io/http-series"
	if last == nil || last.Error() != want {
		t.Errorf("got %v, want %s", last, want)
	}
	unknown := 0
	for ; unknown < 100; unknown++ {
		if _, err := d.Decode(strings.NewReader(response(0, 10))); err == nil {
			break
		}
	}
	if unknown != rememberedFor-1 {
		t.Errorf("after that %d more responses are unknown, want %d", unknown, rememberedFor-1)
	}
	if got := read(t, d, response(0, 10)); got != "0" {
		t.Errorf("then it goes on with %s, want 0", got)
	}
}

func TestOurOwnReadsAreSubtracted(t *testing.T) {
	const bad = "" // Our read of it is a request all the same.
	for _, test := range []struct {
		name      string
		responses []string
		want      []string
	}{
		{"nobody but us", []string{stub(7), stub(8), stub(9)}, []string{"anew", "0", "0"}},
		{"others beside us", []string{stub(7), stub(18), stub(19)}, []string{"anew", "10", "10"}},
		{"reads with a bad response count", []string{stub(7), bad, bad, stub(10), stub(14)}, []string{"anew", "error", "error", "0", "3"}},
		{"reads before the first response do not", []string{bad, stub(7), stub(8)}, []string{"error", "anew", "0"}},
		{"a server that does not count us loses no more than it grows", []string{stub(7), stub(7), stub(7), stub(9)}, []string{"anew", "0", "0", "1"}},
		{"a restart begins anew", []string{stub(100), stub(101), stub(3), stub(4)}, []string{"anew", "0", "anew", "0"}},
		{"a restart to almost the same begins anew", []string{stub(100), stub(101), stub(100)}, []string{"anew", "0", "anew"}},
		{"another server counts anew", []string{stub(7), stub(8), "http_requests_total 3\n", "http_requests_total 4\n", stub(9), stub(10)}, []string{"anew", "0", "anew", "1", "anew", "0"}},
		{"an exporter asks the server each time", []string{"nginx_http_requests_total 7\n", "nginx_http_requests_total 8\n"}, []string{"anew", "0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDecoder(t, Endpoint{})
			var got []string
			for _, text := range test.responses {
				got = append(got, read(t, d, text))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestOurOwnReadsAreSubtractedFromAWellKnownCounterOfAUser(t *testing.T) {
	d := newDecoder(t, Endpoint{Series: `{__name__="nginx_http_requests_total"}`})
	read(t, d, "nginx_http_requests_total 7\n")
	if got := read(t, d, "nginx_http_requests_total 9\n"); got != "1" {
		t.Errorf("got %s requests, want 1", got)
	}
}

// BenchmarkMemory measures what a Decoder keeps between two responses.
func BenchmarkMemory(b *testing.B) {
	for _, bench := range []struct {
		name     string
		response string
	}{
		{"nginx", stub(7)},
		{"50Series", reqs50()},
	} {
		b.Run(bench.name, func(b *testing.B) {
			const guests = 1000
			decoders := make([]*Decoder, guests)
			before := heapBytes()
			for range b.N {
				for i := range decoders {
					decoders[i] = newDecoder(b, Endpoint{})
					for range 3 {
						if _, err := decoders[i].Decode(strings.NewReader(bench.response)); err != nil {
							b.Fatal(err)
						}
					}
				}
			}
			b.ReportMetric(float64(heapBytes()-before)/guests, "B/guest")
			runtime.KeepAlive(decoders)
		})
	}
}

func reqs50() string {
	var out strings.Builder
	for i := range 50 {
		fmt.Fprintf(&out, "http_requests_total{code=\"200\",handler=\"/api/v1/orders/%d\",method=\"get\"} %d\n", i, i)
	}
	return out.String()
}

func heapBytes() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
