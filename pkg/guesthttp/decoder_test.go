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

func readFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDecodeRecognisesTheServer(t *testing.T) {
	unknown := math.NaN()
	for _, test := range []struct {
		page     string
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
		t.Run(test.page, func(t *testing.T) {
			text := readFile(t, test.page)
			for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)), iotest.DataErrReader(strings.NewReader(text))} {
				page, err := newDecoder(t, Endpoint{Format: Auto}).Decode(r)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.HasPrefix(page.Source, test.counter) {
					t.Errorf("got the source %s, want %s", page.Source, test.counter)
				}
				want := Page{Source: page.Source, Requests: test.requests, Connections: test.open}
				if diff := cmp.Diff(want, page, cmpopts.EquateNaNs()); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
		})
	}
}

func TestBuiltInSelectorsAreWrittenAsTheyAreShown(t *testing.T) {
	for _, w := range wellKnown {
		if w.exactName() == "" {
			t.Errorf("%s has no name of its own", w.text)
		}
		if diff := cmp.Diff(w.text, w.String()); diff != "" {
			t.Errorf("-table +String():\n%s", diff)
		}
	}
}

func TestDecode(t *testing.T) {
	reqs := Endpoint{Series: "reqs"}
	for _, test := range []struct {
		name     string
		endpoint Endpoint
		page     string
		want     Page
	}{
		{"a user's series is summed", Endpoint{Series: `{__name__="reqs",code!="500"}`}, "reqs{code=\"200\"} 3\nreqs{code=\"500\"} 9\nreqs{code=\"404\"} 4\n", Page{Source: `reqs{code!="500"}`, Requests: 7}},
		{"a user's series goes before well-known ones", reqs, "nginx_http_requests_total 4\nreqs 3\n", Page{Source: "reqs", Requests: 3}},
		{"parts of a request do not count", reqs, "reqs 3.9\n", Page{Source: "reqs", Requests: 3}},
		{"the first of the list wins wherever it is", Endpoint{}, "http_requests_total 5\nhttp_requests_total{handler=\"/metrics\"} 7\napache_accesses_total 3\n", Page{Source: "apache_accesses_total", Requests: 3}},
		{"a senseless counter further down the list does no harm", Endpoint{}, "http_requests_total NaN\napache_accesses_total 3\n", Page{Source: "apache_accesses_total", Requests: 3}},
		{"names in turn", reqs, "reqs{a=\"1\"} 3\nother 1\nreqs{a=\"2\"} 4\n", Page{Source: "reqs", Requests: 7}},
		{"line ends of Windows", Endpoint{Format: Nginx}, "Active connections: 3 \r\nserver accepts handled requests\r\n 1 1 9 \r\nReading: 0 Writing: 1 Waiting: 2 \r\n", Page{Source: stubStatus, Requests: 9, Connections: 2}},
		{"our own connection is never missing", Endpoint{Format: Nginx}, "Active connections: 0\nserver accepts handled requests\n 1 1 9\n", Page{Source: stubStatus, Requests: 9}},
		{"Apache of before 2.4", Endpoint{Format: Apache}, "Total Accesses: 9\nTotal kBytes: 3\nBusyWorkers: 3\nIdleWorkers: 4\nScoreboard: _\n", Page{Source: modStatus, Requests: 9, Connections: 2}},
		{"more busy workers than there were connections", Endpoint{Format: Apache}, "Total Accesses: 9\nBusyWorkers: 30\nIdleWorkers: 4\nConnsTotal: 2\n", Page{Source: modStatus, Requests: 9, Connections: 29}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want.Source != stubStatus && test.want.Source != modStatus {
				test.want.Connections = math.NaN()
			}
			got, err := newDecoder(t, test.endpoint).Decode(strings.NewReader(test.page))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDecodeSaysWhatIsWrongAndTheCure(t *testing.T) {
	const expected = "correct the path; expected is nginx's stub_status, Apache's mod_status with ?auto, or the Prometheus text format"
	const stub = "the page begins like nginx's stub_status, but "
	const stubCure = ": let the location hold stub_status and nothing that changes the page"
	reqs := Endpoint{Series: "reqs"}
	for _, test := range []struct {
		name     string
		endpoint Endpoint
		page     string
		want     string
	}{
		{"empty", Endpoint{}, "", "the page is empty: correct the path or the server's configuration"},
		{"blank", Endpoint{}, "\n \n", "the page is empty: correct the path or the server's configuration"},
		{"HTML", Endpoint{}, "<!DOCTYPE html>\n<title>Welcome</title>" + strings.Repeat("x", 1000), `the page is HTML or XML, it begins with "<!DOCTYPE html>\n<title>Welcome</title>xx": ` + expected},
		{"JSON", Endpoint{}, `{"a":1}`, `the page is JSON, it begins with "{\"a\":1}": ` + expected},
		{"prose", Endpoint{}, "hello world", `the page is of no known format, it begins with "hello world": ` + expected},
		{"bytes", Endpoint{}, "\x1f\x8b\x00\x1b[2J", `the page is of no known format, it begins with "\x1f\x8b\x00\x1b[2J": ` + expected},
		{"Apache for people", Endpoint{Format: Apache}, readFile(t, "apache.html"), "the page is Apache's mod_status for people: add ?auto to the path"},
		{"Apache without extended status", Endpoint{}, readFile(t, "apache-extended-status-off.txt"), "the page is Apache's mod_status without Total Accesses: set ExtendedStatus On in Apache's configuration"},
		{"Apache's counter is no number", Endpoint{}, "Total Accesses: -1\nBusyWorkers: 1\n", `the page is Apache's mod_status, but in the line Total Accesses: "-1" is no whole number from 0 to 2^53`},
		{"nginx and not Apache", Endpoint{Format: Apache}, readFile(t, "nginx.txt"), "the page is of format nginx and not of format apache: correct the path, or set the annotation guestmetrics.io/http-format to nginx"},
		{"Prometheus and not nginx", Endpoint{Format: Nginx}, "# HELP\n", "the page is of format prometheus and not of format nginx: correct the path, or set the annotation guestmetrics.io/http-format to prometheus"},
		{"nginx and not series", reqs, readFile(t, "nginx.txt"), "the page is of format nginx and not of format prometheus: correct the path, or set the annotation guestmetrics.io/http-format to nginx"},
		{"nginx broke off", Endpoint{}, "Active connections: 1 \nserver accepts", stub + "it has fewer than 3 lines" + stubCure},
		{"nginx without connections", Endpoint{}, "Active connections: many\nserver accepts handled requests\n 1 1 1\n", stub + `active connections: "many" is no whole number from 0 to 2^53` + stubCure},
		{"nginx without requests", Endpoint{}, "Active connections: 1 \nserver accepts handled\n 1 1 1\n", stub + "it has no column requests" + stubCure},
		{"nginx with too few columns", Endpoint{}, "Active connections: 1 \nserver accepts handled requests\n 1 1\n", stub + "it has no column requests" + stubCure},
		{"nginx beyond counting", Endpoint{}, "Active connections: 1 \nserver accepts handled requests\n 1 1 9007199254740993\n", stub + `requests: "9007199254740993" is no whole number from 0 to 2^53` + stubCure},
		{"no known counter", Endpoint{}, "up 1\npromhttp_metric_handler_requests_total{code=\"200\"} 9\n", "none of the well-known request counters is on the page: choose one of its series with the annotation guestmetrics.io/http-series, such as http_requests_total"},
		{"nothing but our own reads", Endpoint{}, "http_requests_total{handler=\"/metrics\"} 9\n", "none of the well-known request counters is on the page: choose one of its series with the annotation guestmetrics.io/http-series, such as http_requests_total"},
		{"no such series", reqs, "up 1\n", `no series on the page matches "reqs": correct the annotation guestmetrics.io/http-series, or leave it out to use a well-known counter`},
		{"NaN", reqs, "reqs 1\nreqs{a=\"b\"} NaN\n", `a series "reqs" has the value NaN, which is no count of requests: choose others with the annotation guestmetrics.io/http-series`},
		{"endless", reqs, "reqs +Inf\n", `a series "reqs" has the value +Inf, which is no count of requests: choose others with the annotation guestmetrics.io/http-series`},
		{"negative", reqs, "reqs -1\n", `a series "reqs" has the value -1, which is no count of requests: choose others with the annotation guestmetrics.io/http-series`},
		{"beyond counting together", reqs, "reqs{a=\"1\"} 9e15\nreqs{a=\"2\"} 9e15\n", "the series add up to 1.8e+16, which is no count of requests"},
		{"no number", reqs, "reqs 1\nreqs one\n", `a series "reqs" cannot be read: its labels are malformed, or its value is no number`},
		{"malformed labels", reqs, "up 1\nreqs{a=1} 1\n", `a series "reqs" cannot be read: its labels are malformed, or its value is no number`},
		{"hostile name", Endpoint{Series: `{__name__=~".+"}`}, "up 1\n\x1b[2J" + strings.Repeat("x", 100) + " NaN\n", `a series "\x1b[2J` + strings.Repeat("x", 36) + `" has the value NaN, which is no count of requests: choose others with the annotation guestmetrics.io/http-series`},
		{"many lines", reqs, "# c\n" + strings.Repeat("\n", 200_000), "read the page: the page has more than 200000 lines: let the guest tell fewer series"},
		{"many lines of Apache", Endpoint{}, "Total Accesses: 1\nBusyWorkers: 1\n" + strings.Repeat("\n", 200_000), "read the page: the page has more than 200000 lines: let the guest tell fewer series"},
		{"many series", reqs, strings.Repeat("reqs 1\n", 10_001), `read the page: more than 10000 series match "reqs": choose fewer of them with the annotation guestmetrics.io/http-series`},
		{
			"costly matching", Endpoint{Series: `reqs{a!~"(x+x+){200}y"}`},
			strings.Repeat("reqs{a=\""+strings.Repeat("x", 20_000)+"\"} 1\n", 50),
			"read the page: matching the page's series takes too long: use = and != or shorter regular expressions in the selector, or a page with fewer series",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			page, err := newDecoder(t, test.endpoint).Decode(strings.NewReader(test.page))
			if err == nil {
				t.Fatalf("got %+v and no error", page)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAPageThatBreaksOffIsAnError(t *testing.T) {
	for _, name := range []string{"nginx.txt", "apache-event.txt", "haproxy.txt"} {
		for _, filler := range []string{"", strings.Repeat("# filler\n", headBytes/8)} {
			broken := io.MultiReader(strings.NewReader(readFile(t, name)+filler), iotest.ErrReader(io.ErrUnexpectedEOF))
			page, err := newDecoder(t, Endpoint{}).Decode(broken)
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: got %+v and the error %v, want %v", name, page, err, io.ErrUnexpectedEOF)
			}
		}
	}
}

func TestLinesThatAreTooLong(t *testing.T) {
	long := func(name string) string { return name + `{a="` + strings.Repeat("x", maxLineBytes) + "\"} 1\n" }
	for _, test := range []struct{ name, series, page, want string }{
		{"of the wanted counter", "reqs", "reqs 7\n" + long("reqs"), `read the page: a line is too long: 32781 bytes of a series "reqs", more than the 32768 that are read: let it have fewer or shorter labels`},
		{"whose labels are not the wanted ones, which nobody sees", `reqs{b="1"}`, "reqs{b=\"1\"} 7\n" + long("reqs"), `read the page: a line is too long: 32781 bytes of a series "reqs", more than the 32768 that are read: let it have fewer or shorter labels`},
		{"of another counter", "reqs", "reqs 7\n" + long("other") + long("other") + "reqs{a=\"b\"} 1\n", ""},
		{"of another counter at first", "", long("other") + "http_requests_total 8\n", ""},
		{"of a well-known counter", "", "http_requests_total 8\n" + long("http_requests_total"), `read the page: a line is too long: 32796 bytes of a series "http_requests_total", more than the 32768 that are read: let it have fewer or shorter labels`},
		{"of a name without end", "reqs", "reqs 7\n" + strings.Repeat("x", 2*maxLineBytes) + "\n", `read the page: a line is too long: 65537 bytes of a series "", more than the 32768 that are read: let it have fewer or shorter labels`},
		{"of a comment", "reqs", "# HELP reqs " + strings.Repeat("x", maxLineBytes) + "\nreqs 8\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDecoder(t, Endpoint{Series: test.series})
			for _, round := range []string{"at first", "once more"} {
				page, err := d.Decode(strings.NewReader(test.page))
				got := ""
				if err != nil {
					got = err.Error()
				}
				if diff := cmp.Diff(test.want, got); diff != "" || err == nil && page.Requests != 8 {
					t.Errorf("%s %v requests, want 8; error -want +got:\n%s", round, page.Requests, diff)
				}
			}
			if page, err := d.Decode(strings.NewReader("reqs 8\nhttp_requests_total 8\n")); err != nil && test.series != `reqs{b="1"}` {
				t.Errorf("a good page after that: %v, %v", page, err)
			}
		})
	}
}

func TestAPageIsReadToItsEnd(t *testing.T) {
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

func TestNewDecoderRefusesWhatCannotBeDecoded(t *testing.T) {
	for _, test := range []struct {
		endpoint Endpoint
		want     string
	}{
		{Endpoint{Format: "json"}, `there is no format "json": use auto, nginx, apache or prometheus`},
		{Endpoint{Format: Nginx, Series: "reqs"}, "pages of format nginx have no series to select"},
		{Endpoint{Series: "reqs["}, `series "reqs[": position 5, before "[": only a selector is allowed, without a range such as [5m]: the rate is computed from it later`},
	} {
		if _, err := NewDecoder(test.endpoint); err == nil || err.Error() != test.want {
			t.Errorf("%+v: got the error %v, want %s", test.endpoint, err, test.want)
		}
	}
}

// stub writes nginx's page.
func stub(requests float64) string {
	return fmt.Sprintf("Active connections: 1 \nserver accepts handled requests\n 1 1 %.0f \nReading: 0 Writing: 1 Waiting: 0 \n", requests)
}

func TestOurOwnReadsAreTakenOff(t *testing.T) {
	const bad = "" // A page that cannot be read was a request all the same.
	for _, test := range []struct {
		name  string
		pages []string
		want  []float64
	}{
		{"nobody but us", []string{stub(7), stub(8), stub(9)}, []float64{7, 7, 7}},
		{"others beside us", []string{stub(7), stub(18), stub(19)}, []float64{7, 17, 17}},
		{"reads without a page count", []string{stub(7), bad, bad, stub(10), stub(14)}, []float64{7, math.NaN(), math.NaN(), 7, 10}},
		{"reads before the first page do not", []string{bad, stub(7), stub(8)}, []float64{math.NaN(), 7, 7}},
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
			for _, text := range test.pages {
				page, err := d.Decode(strings.NewReader(text))
				if err != nil {
					page.Requests = math.NaN()
				}
				got = append(got, page.Requests)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestOurOwnReadsAreTakenOffAWellKnownCounterThatAUserNames(t *testing.T) {
	d := newDecoder(t, Endpoint{Series: `{__name__="nginx_http_requests_total"}`})
	for _, text := range []string{"nginx_http_requests_total 7\n", "nginx_http_requests_total 8\n"} {
		page, err := d.Decode(strings.NewReader(text))
		if err != nil || page.Requests != 7 {
			t.Errorf("got %+v, %v; want 7 requests", page, err)
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
		var last Page
		var lastRaw float64
		for _, text := range []string{first, second, first, first} {
			page, err := d.Decode(strings.NewReader(text))
			if err != nil {
				continue
			}
			if math.IsNaN(page.Requests) || math.IsInf(page.Requests, 0) || page.Requests > maxCount || page.Connections < 0 {
				t.Fatalf("%q: got %+v", text, page)
			}
			fell := page.Requests < last.Requests
			if page.Source == last.Source && fell != (d.own.last < lastRaw) {
				t.Fatalf("%q: requests went from %v to %v, the page's counter from %v to %v", text, last.Requests, page.Requests, lastRaw, d.own.last)
			}
			last, lastRaw = page, d.own.last
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	var series strings.Builder
	for i := range 500 {
		fmt.Fprintf(&series, "http_requests_total{code=\"200\",handler=\"/api/v1/orders/%d\",method=\"get\"} %d\n", i, i)
		fmt.Fprintf(&series, "http_request_duration_seconds_bucket{handler=\"/api/v1/orders/%d\",le=\"0.5\"} %d\n", i, i)
	}
	for _, bench := range []struct{ name, page string }{
		{"nginx", readFile(b, "nginx.txt")},
		{"prometheus1000Lines", series.String()},
	} {
		b.Run(bench.name, func(b *testing.B) {
			d := newDecoder(b, Endpoint{})
			r := strings.NewReader(bench.page)
			b.SetBytes(int64(len(bench.page)))
			b.ReportAllocs()
			for b.Loop() {
				r.Reset(bench.page)
				if _, err := d.Decode(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
