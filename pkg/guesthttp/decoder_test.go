package guesthttp

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func newDecoder(t testing.TB, e Endpoint) *Decoder {
	t.Helper()
	d, err := NewDecoder(e)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// counted returns what the series of the last response add up to.
func counted(d *Decoder) float64 {
	sum := 0.0
	for _, k := range d.tally.series {
		if k.missing == 0 {
			sum += k.value
		}
	}
	return sum
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDecodeDetectsTheServer(t *testing.T) {
	unknown := math.NaN()
	for _, test := range []struct {
		response string
		counter  string // What the selector begins with, or the source.
		requests float64
		open     float64
	}{
		{"nginx.txt", stubStatus, 8, 0},
		{"tengine.txt", stubStatus, 31070465, 290},
		{"apache-prefork.txt", modStatus, 6, 6},
		{"apache-event.txt", modStatus, 6, 9},
		{"nginx-exporter.txt", "nginx_http_requests_total", 10, unknown},
		{"nginx-vts.txt", "nginx_vts_server_requests_total", 120, unknown},
		{"ingress-nginx.txt", "nginx_ingress_controller_requests", 712, unknown},
		{"apache-exporter.txt", "apache_accesses_total", 8, unknown},
		{"haproxy.txt", "haproxy_frontend_http_requests_total", 7, unknown},
		{"envoy.txt", "envoy_http_downstream_rq_total", 100, unknown},
		{"traefik.txt", "traefik_entrypoint_requests_total", 42, unknown},
		{"caddy-named-site.txt", `caddy_http_requests_total{handler="subroute"}`, 42, unknown},
		{"caddy-any-site.txt", `caddy_http_requests_total{handler=~`, 42, unknown},
		{"windows-exporter.txt", "windows_iis_requests_total", 157, unknown},
		{"spring-boot.txt", "http_server_requests_seconds_count", 70, unknown},
		{"opentelemetry.txt", "http_server_request_duration_seconds_count", 32, unknown},
		{"opentelemetry-old.txt", "http_server_duration_milliseconds_count", 30, unknown},
		{"application.txt", "http_requests_total", 22, unknown},
	} {
		t.Run(test.response, func(t *testing.T) {
			text := readFile(t, test.response)
			for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)), iotest.DataErrReader(strings.NewReader(text))} {
				d := newDecoder(t, Endpoint{Format: Auto})
				counts, err := d.Decode(r)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.HasPrefix(counts.Source, test.counter) {
					t.Errorf("got the source %s, want %s", counts.Source, test.counter)
				}
				want := Counts{Source: counts.Source, Anew: true, Connections: test.open}
				if diff := cmp.Diff(want, counts, cmpopts.EquateNaNs()); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				if got := counted(d); got != test.requests {
					t.Errorf("the server has counted %v requests, want %v", got, test.requests)
				}
			}
		})
	}
}

func TestWellKnownSelectorsAreInTheFormOfString(t *testing.T) {
	for _, c := range wellKnown {
		if c.exact == "" {
			t.Errorf("%s can have several names", c.text)
		}
		if diff := cmp.Diff(c.text, c.String()); diff != "" {
			t.Errorf("-table +String():\n%s", diff)
		}
	}
}

func TestDecode(t *testing.T) {
	reqs := Endpoint{Series: "reqs"}
	for _, test := range []struct {
		name     string
		endpoint Endpoint
		response string
		want     Counts // With what the server has counted in all.
	}{
		{"a user's series is summed", Endpoint{Series: `{__name__="reqs",code!="500"}`}, "reqs{code=\"200\"} 3\nreqs{code=\"500\"} 9\nreqs{code=\"404\"} 4\n", Counts{Source: `reqs{code!="500"}`, Requests: 7}},
		{"a user's series goes before well-known ones", reqs, "nginx_http_requests_total 4\nreqs 3\n", Counts{Source: "reqs", Requests: 3}},
		{"the first of the list wins wherever it is", Endpoint{}, "http_requests_total 5\nhttp_requests_total{handler=\"/metrics\"} 7\napache_accesses_total 3\n", Counts{Source: "apache_accesses_total", Requests: 3}},
		{"a counter with a wrong value does no harm if another is preferred", Endpoint{}, "http_requests_total NaN\napache_accesses_total 3\n", Counts{Source: "apache_accesses_total", Requests: 3}},
		{"series of another name in between", reqs, "reqs{a=\"1\"} 3\nother 1\nreqs{a=\"2\"} 4\n", Counts{Source: "reqs", Requests: 7}},
		{"comments that look like Apache", reqs, "# HELP\nTotal Accesses: 1\nBusyWorkers: 1\nreqs 3\n", Counts{Source: "reqs", Requests: 3}},
		{"Apache in an order that looks like a series", Endpoint{}, "BusyWorkers: 3\nTotal Accesses: 9\nScoreboard: _\n", Counts{Source: modStatus, Requests: 9, Connections: 2}},
		{"line ends of Windows", Endpoint{Format: Nginx}, "Active connections: 3 \r\nserver accepts handled requests\r\n 1 1 9 \r\nReading: 0 Writing: 1 Waiting: 2 \r\n", Counts{Source: stubStatus, Requests: 9, Connections: 2}},
		{"our own connection is never missing", Endpoint{Format: Nginx}, "Active connections: 0\nserver accepts handled requests\n 1 1 9\nReading: 0 Writing: 1 Waiting: 0\n", Counts{Source: stubStatus, Requests: 9}},
		{"Apache before 2.4", Endpoint{Format: Apache}, "Total Accesses: 9\nTotal kBytes: 3\nBusyWorkers: 3\nIdleWorkers: 4\nScoreboard: _\n", Counts{Source: modStatus, Requests: 9, Connections: 2}},
		{"more busy workers than there were connections", Endpoint{Format: Apache}, "Total Accesses: 9\nBusyWorkers: 30\nIdleWorkers: 4\nConnsTotal: 2\nScoreboard: _\n", Counts{Source: modStatus, Requests: 9, Connections: 29}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want.Source != stubStatus && test.want.Source != modStatus {
				test.want.Connections = math.NaN()
			}
			d := newDecoder(t, test.endpoint)
			got, err := d.Decode(strings.NewReader(test.response))
			if err != nil {
				t.Fatal(err)
			}
			got.Requests, got.Anew = counted(d), false
			if diff := cmp.Diff(test.want, got, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDecodeSaysWhatIsWrongAndTheCure(t *testing.T) {
	const expected = "correct the path; expected nginx's stub_status, Apache's mod_status with ?auto or the Prometheus text format"
	const stub = "the response begins like nginx's stub_status, but "
	const stubCure = ": use stub_status in a location of its own, with nothing that changes the response"
	reqs := Endpoint{Series: "reqs"}
	for _, test := range []struct {
		name     string
		endpoint Endpoint
		response string
		want     string
	}{
		{"empty", Endpoint{}, "", "the response is empty: correct the path or the server's configuration"},
		{"blank", Endpoint{}, "\n \n", "the response is empty: correct the path or the server's configuration"},
		{"HTML", Endpoint{}, "<!DOCTYPE html>\n<title>Welcome</title>" + strings.Repeat("x", 1000), `the response is HTML or XML, it begins with "<!DOCTYPE html>\n<title>Welcome</title>xx": ` + expected},
		{"JSON", Endpoint{}, `{"a":1}`, `the response is JSON, it begins with "{\"a\":1}": ` + expected},
		{"prose", Endpoint{}, "hello world", `the response is in no known format, it begins with "hello world": ` + expected},
		{"bytes", Endpoint{}, "\x1f\x8b\x00\x1b[2J", `the response is in no known format, it begins with "\x1f\x8b\x00\x1b[2J": ` + expected},
		{"Apache in HTML", Endpoint{Format: Apache}, readFile(t, "apache.html"), "the response is the HTML form of Apache's mod_status: add ?auto to the path"},
		{"Apache without extended status", Endpoint{}, readFile(t, "apache-extended-status-off.txt"), "the response is Apache's mod_status without Total Accesses: set ExtendedStatus On in Apache's configuration"},
		{"Apache's counter is no number", Endpoint{}, "Total Accesses: -1\nBusyWorkers: 1\n", `the response is Apache's mod_status, but its line Total Accesses is wrong: "-1" is not a whole number from 0 to 2^53`},
		{"nginx and not Apache", Endpoint{Format: Apache}, readFile(t, "nginx.txt"), "the status page has the format nginx, not apache: correct the path, or set the annotation guestmetrics.io/http-format to nginx"},
		{"Prometheus and not nginx", Endpoint{Format: Nginx}, "# HELP\n", "the status page has the format prometheus, not nginx: correct the path, or set the annotation guestmetrics.io/http-format to prometheus"},
		{"nginx and not series", reqs, readFile(t, "nginx.txt"), "the status page has the format nginx, not prometheus: correct the path, or set the annotation guestmetrics.io/http-format to nginx"},
		{"nginx cut short", Endpoint{}, "Active connections: 1 \nserver accepts", stub + "its fourth line does not begin with Reading:" + stubCure},
		{"nginx with another last line", Endpoint{}, "Active connections: 1 \nserver accepts handled requests\n 1 1 1\nServed by us\n", stub + "its fourth line does not begin with Reading:" + stubCure},
		{"Apache cut short", Endpoint{}, "Total Accesses: 12\nBusyWorkers: 1\n", "the response is Apache's mod_status, but breaks off before its Scoreboard"},
		{"nginx without connections", Endpoint{}, "Active connections: many\nserver accepts handled requests\n 1 1 1\nReading: 0 Writing: 1 Waiting: 0\n", stub + `its active connections are wrong: "many" is not a whole number from 0 to 2^53` + stubCure},
		{"nginx without requests", Endpoint{}, "Active connections: 1 \nserver accepts handled\n 1 1 1\nReading: 0 Writing: 1 Waiting: 0\n", stub + "has no column requests" + stubCure},
		{"nginx with too few columns", Endpoint{}, "Active connections: 1 \nserver accepts handled requests\n 1 1\nReading: 0 Writing: 1 Waiting: 0\n", stub + "has no column requests" + stubCure},
		{"nginx beyond counting", Endpoint{}, "Active connections: 1 \nserver accepts handled requests\n 1 1 9007199254740993\nReading: 0 Writing: 1 Waiting: 0\n", stub + `its requests are wrong: "9007199254740993" is not a whole number from 0 to 2^53` + stubCure},
		{"no known counter", Endpoint{}, "up 1\npromhttp_metric_handler_requests_total{code=\"200\"} 9\n", "the response has none of the well-known request counters: choose one of its series with the annotation guestmetrics.io/http-series, such as http_requests_total"},
		{"nothing but our own reads", Endpoint{}, "http_requests_total{handler=\"/metrics\"} 9\n", "the response has none of the well-known request counters: choose one of its series with the annotation guestmetrics.io/http-series, such as http_requests_total"},
		{"no such series", reqs, "up 1\n", `no series in the response matches "reqs": correct the annotation guestmetrics.io/http-series, or remove it to use a well-known counter`},
		{"NaN", reqs, "reqs 1\nreqs{a=\"b\"} NaN\n", `series "reqs" has the value NaN, which is not a count of requests: choose other series with the annotation guestmetrics.io/http-series`},
		{"infinite", reqs, "reqs +Inf\n", `series "reqs" has the value +Inf, which is not a count of requests: choose other series with the annotation guestmetrics.io/http-series`},
		{"negative", reqs, "reqs -1\n", `series "reqs" has the value -1, which is not a count of requests: choose other series with the annotation guestmetrics.io/http-series`},
		{"beyond counting together", reqs, "reqs{a=\"1\"} 9e15\nreqs{a=\"2\"} 9e15\n", "the series add up to 1.8e+16, which is not a count of requests"},
		{"no number", reqs, "reqs 1\nreqs one\n", `series "reqs" cannot be read: its labels are malformed, or its value is not a number`},
		{"malformed labels", reqs, "up 1\nreqs{a=1} 1\n", `series "reqs" cannot be read: its labels are malformed, or its value is not a number`},
		{"hostile name", Endpoint{Series: `{__name__=~".+"}`}, "up 1\n\x1b[2J" + strings.Repeat("x", 100) + " NaN\n", `series "\x1b[2J` + strings.Repeat("x", 36) + `" has the value NaN, which is not a count of requests: choose other series with the annotation guestmetrics.io/http-series`},
		{"many lines", reqs, "# c\n" + strings.Repeat("\n", 200_000), "read the response: it has more than 200000 lines: let the guest expose fewer series"},
		{"many lines of Apache", Endpoint{}, "Total Accesses: 1\nBusyWorkers: 1\nScoreboard: _\n" + strings.Repeat("\n", 200_000), "read the response: it has more than 200000 lines: let the guest expose fewer series"},
		{"many series", reqs, strings.Repeat("reqs 1\n", 10_001), `read the response: more than 10000 series match "reqs": select fewer with the annotation guestmetrics.io/http-series`},
		{
			"costly matching", Endpoint{Series: `reqs{a!~"(x+x+){200}y"}`},
			strings.Repeat("reqs{a=\""+strings.Repeat("x", 20_000)+"\"} 1\n", 50),
			"read the response: matching its series takes too long: use = and != or shorter regular expressions in the selector, or expose fewer series",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			counts, err := newDecoder(t, test.endpoint).Decode(strings.NewReader(test.response))
			if err == nil {
				t.Fatalf("got %+v and no error", counts)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAResponseThatBreaksOffIsAnError(t *testing.T) {
	for _, name := range []string{"nginx.txt", "apache-event.txt", "haproxy.txt"} {
		for _, filler := range []string{"", strings.Repeat("# filler\n", headBytes/8)} {
			broken := io.MultiReader(strings.NewReader(readFile(t, name)+filler), iotest.ErrReader(io.ErrUnexpectedEOF))
			counts, err := newDecoder(t, Endpoint{}).Decode(broken)
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: got %+v and the error %v, want %v", name, counts, err, io.ErrUnexpectedEOF)
			}
		}
	}
}

// A response without a length that breaks off ends like a whole one. Wherever it
// does, it is an error or has the right counts of the series that it has.
func TestAResponseThatIsCutAnywhere(t *testing.T) {
	openMetrics := strings.TrimSuffix(readFile(t, "application.txt"), "\n") + "\n# EOF"
	for _, test := range []struct{ name, text string }{
		{"nginx", readFile(t, "nginx.txt")},
		{"nginx with other numbers", strings.Replace(readFile(t, "tengine.txt"), " \n", "\n", 1)},
		{"Apache", readFile(t, "apache-prefork.txt")},
		{"Prometheus", readFile(t, "application.txt")},
		{"OpenMetrics", openMetrics},
	} {
		t.Run(test.name, func(t *testing.T) {
			whole := newDecoder(t, Endpoint{})
			if _, err := whole.Decode(strings.NewReader(test.text)); err != nil {
				t.Fatal(err)
			}
			values := make(map[uint64]float64)
			for _, k := range whole.tally.series {
				values[k.id] = k.value
			}
			for n := range len(test.text) {
				for _, r := range []io.Reader{strings.NewReader(test.text[:n]), iotest.OneByteReader(strings.NewReader(test.text[:n]))} {
					d := newDecoder(t, Endpoint{})
					if _, err := d.Decode(r); err != nil {
						continue
					}
					for _, k := range d.tally.series {
						if counted, ok := values[k.id]; ok && counted != k.value {
							t.Errorf("cut after %q: a series has %v instead of %v", test.text[max(0, n-20):n], k.value, counted)
						}
					}
				}
			}
		})
	}
}

func TestAResponseIsReadToItsEnd(t *testing.T) {
	for _, text := range []string{
		readFile(t, "nginx.txt"),
		readFile(t, "apache-event.txt"),
		"<html>",
		"http_requests_total 1\n",
		strings.Repeat("http_requests_total 1\n", maxSeries+1),
	} {
		r := strings.NewReader(text + strings.Repeat("# filler\n", headBytes/8))
		_, err := newDecoder(t, Endpoint{}).Decode(r)
		if r.Len() != 0 {
			t.Errorf("%.20q: %d bytes are left, with the error %v", text, r.Len(), err)
		}
	}
}

func TestNewDecoderReturnsErrors(t *testing.T) {
	for _, test := range []struct {
		endpoint Endpoint
		want     string
	}{
		{Endpoint{Format: "json"}, `there is no format "json": use auto, nginx, apache or prometheus`},
		{Endpoint{Format: Nginx, Series: "reqs"}, "status pages of format nginx have no series to select"},
		{Endpoint{Series: "reqs["}, `series "reqs[": position 5, before "[": only a selector is allowed, without a range such as [5m]: the rate is computed from it later`},
	} {
		if _, err := NewDecoder(test.endpoint); err == nil || err.Error() != test.want {
			t.Errorf("%+v: got the error %v, want %s", test.endpoint, err, test.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	entries, err := os.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			f.Add(readFile(f, entry.Name()), readFile(f, "nginx.txt"), "")
		}
	}
	f.Add("reqs{a=\"\\\"\"} 1e15\nreqs 0.5\n", "reqs 1\n", `{__name__=~"r.*",a!~"b+"}`)
	f.Add(stub(3), stub(2), "")
	f.Fuzz(func(t *testing.T, first, second, series string) {
		d, err := NewDecoder(Endpoint{Series: series})
		if err != nil {
			return
		}
		var last Counts
		for _, text := range []string{first, second, first, first} {
			counts, err := d.Decode(strings.NewReader(text))
			if len(d.tally.series) > maxSeries {
				t.Fatalf("%q: %d series are remembered", text, len(d.tally.series))
			}
			if err != nil {
				continue
			}
			if !isCount(counts.Requests) || counts.Connections < 0 {
				t.Fatalf("%q: got %+v", text, counts)
			}
			if !counts.Anew && (counts.Source != last.Source || counts.Requests < last.Requests) {
				t.Fatalf("%q: %+v does not go on from %+v", text, counts, last)
			}
			last = counts
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	var series strings.Builder
	for i := range 500 {
		fmt.Fprintf(&series, "http_requests_total{code=\"200\",handler=\"/api/v1/orders/%d\",method=\"get\"} %d\n", i, i)
		fmt.Fprintf(&series, "http_request_duration_seconds_bucket{handler=\"/api/v1/orders/%d\",le=\"0.5\"} %d\n", i, i)
	}
	for _, bench := range []struct{ name, response string }{
		{"nginx", readFile(b, "nginx.txt")},
		{"prometheus1000Lines", series.String()},
	} {
		b.Run(bench.name, func(b *testing.B) {
			d := newDecoder(b, Endpoint{})
			r := strings.NewReader(bench.response)
			b.SetBytes(int64(len(bench.response)))
			b.ReportAllocs()
			for b.Loop() {
				r.Reset(bench.response)
				if _, err := d.Decode(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
