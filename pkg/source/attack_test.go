package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/guesthttp"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/scrape"
)

// An attack is what a malicious guest does with a connection after it has read
// the request, or before.
type attack struct {
	name string
	do   func(conn net.Conn)
	want scrape.Outcome
}

const ok = "HTTP/1.1 200 OK\r\n"

var nothing = bytes.Repeat([]byte{' '}, 32<<10)

// forever writes the same again and again until the other side has had enough.
func forever(conn net.Conn, again []byte) {
	for {
		if _, err := conn.Write(again); err != nil {
			return
		}
	}
}

func send(conn net.Conn, text string) { _, _ = io.WriteString(conn, text) }

// waitForClose reads until the other side closes.
func waitForClose(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

var attacks = []attack{
	{"never answers", waitForClose, scrape.Timeout},
	{"drips a byte now and then", func(conn net.Conn) {
		send(conn, ok+"\r\n")
		for {
			if _, err := conn.Write([]byte("A")); err != nil {
				return
			}
			<-time.After(20 * time.Millisecond)
		}
	}, scrape.Timeout},
	{"drips headers", func(conn net.Conn) {
		send(conn, ok)
		for {
			if _, err := conn.Write([]byte("X: y\r\n")); err != nil {
				return
			}
			<-time.After(20 * time.Millisecond)
		}
	}, scrape.Timeout},
	{"sends an endless status page", func(conn net.Conn) {
		send(conn, ok+"\r\n")
		forever(conn, []byte("http_requests_total{code=\"200\"} 1\n"))
	}, scrape.BadResponse},
	{"sends an endless line", func(conn net.Conn) {
		send(conn, ok+"\r\nhttp_requests_total{code=\"")
		forever(conn, bytes.Repeat([]byte("2"), 32<<10))
	}, scrape.BadResponse},
	{"sends endless series", func(conn net.Conn) {
		send(conn, ok+"\r\n")
		for i := 0; ; i++ {
			if _, err := fmt.Fprintf(conn, "http_requests_total{code=\"%d\"} 1\n", i); err != nil {
				return
			}
		}
	}, scrape.BadResponse},
	{"sends a gzip bomb", func(conn net.Conn) {
		send(conn, ok+"Content-Encoding: gzip\r\n\r\n")
		w := gzip.NewWriter(conn)
		for {
			if _, err := w.Write(nothing); err != nil {
				return
			}
		}
	}, scrape.BadResponse},
	{"sends gzip that decompresses to nothing, for ever", func(conn net.Conn) {
		send(conn, ok+"Content-Encoding: gzip\r\n\r\n")
		w := gzip.NewWriter(conn)
		for w.Flush() == nil { // An empty block each.
		}
	}, scrape.BadResponse},
	{"floods headers", func(conn net.Conn) {
		send(conn, ok)
		forever(conn, []byte("X-Flood: "+strings.Repeat("y", 1000)+"\r\n"))
	}, scrape.Unreachable},
	{"sends an endless header", func(conn net.Conn) {
		send(conn, ok+"X-Endless: ")
		forever(conn, bytes.Repeat([]byte("y"), 32<<10))
	}, scrape.Unreachable},
	{"promises an answer for ever", func(conn net.Conn) {
		forever(conn, []byte("HTTP/1.1 100 Continue\r\n\r\n"))
	}, scrape.Unreachable},
	{"floods trailers", func(conn net.Conn) {
		send(conn, ok+"Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\n")
		forever(conn, []byte("X: "+strings.Repeat("y", 1000)+"\r\n"))
	}, scrape.BadResponse},
	{"floods chunk extensions", func(conn net.Conn) {
		send(conn, ok+"Transfer-Encoding: chunked\r\n\r\n")
		forever(conn, []byte("1;"+strings.Repeat("x", 1000)+"\r\nA\r\n"))
	}, scrape.BadResponse},
	{"sends garbage for HTTP", func(conn net.Conn) { forever(conn, bytes.Repeat([]byte{0xff, 0, 0x80}, 1000)) }, scrape.Unreachable},
	{"sends garbage for a status page", func(conn net.Conn) {
		send(conn, ok+"\r\n")
		_, _ = conn.Write(bytes.Repeat([]byte{0xff, 0, 0x80, '\n'}, 1000))
	}, scrape.BadResponse},
	{"breaks off within a number, without a length", func(conn net.Conn) { send(conn, ok+"\r\nhttp_requests_total 31") }, scrape.BadResponse},
	{"breaks off after a line, within a chunk", func(conn net.Conn) {
		send(conn, ok+"Transfer-Encoding: chunked\r\n\r\n40\r\nhttp_requests_total 31\n")
	}, scrape.BadResponse},
	{"breaks off after a line, within its length", func(conn net.Conn) {
		send(conn, ok+"Content-Length: 64\r\n\r\nhttp_requests_total 31\n")
	}, scrape.BadResponse},
	{"sends an empty status page", func(conn net.Conn) { send(conn, ok+"Content-Length: 0\r\n\r\n") }, scrape.BadResponse},
	{"closes at once", func(net.Conn) {}, scrape.Unreachable},
	{"redirects to the cloud's metadata", func(conn net.Conn) {
		send(conn, "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data\r\n\r\n")
	}, scrape.BadStatus},
	{"asks for credentials", func(conn net.Conn) {
		send(conn, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\n\r\n")
	}, scrape.BadStatus},
	{"claims to be busy, to be asked again and again", func(conn net.Conn) {
		send(conn, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\n\r\n")
	}, scrape.BadStatus},
	{"counts backwards and beyond all numbers", func(conn net.Conn) {
		send(conn, ok+"\r\nhttp_requests_total -1e308\nhttp_requests_total NaN\n")
	}, scrape.BadResponse},
	{"switches to another protocol", func(conn net.Conn) {
		send(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")
		waitForClose(conn)
	}, scrape.BadStatus},
}

// listen serves connections on an address of its own for the time of the test,
// and returns the port.
func listen(t *testing.T, ip string, serve func(net.Conn)) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() { l.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	return netip.MustParseAddrPort(l.Addr().String()).Port()
}

// readRequest reads a request to the end of its headers.
func readRequest(conn net.Conn) string {
	var request []byte
	one := make([]byte, 1)
	for !bytes.HasSuffix(request, []byte("\r\n\r\n")) {
		if _, err := conn.Read(one); err != nil {
			break
		}
		request = append(request, one[0])
	}
	return string(request)
}

// fleet is guests that are scraped as the server does.
type fleet struct {
	store    *inventory.Store
	guestCAs *inventory.GuestCAs
	pages    *StatusPages
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func newFleet(timeout time.Duration, allowed []netip.Prefix) *fleet {
	f := &fleet{store: inventory.NewStore(inventory.Warmups{}, time.Now), guestCAs: inventory.NewGuestCAs()}
	f.pages = NewStatusPages(StatusPagesConfig{
		Inventory: f.store, GuestCAs: f.guestCAs, NodeAddresses: inventory.NewNodeAddresses(),
		RateWindow: 30 * time.Second, Interval: time.Second, Timeout: timeout,
		Allowed: allowed, Detected: func(*inventory.VMI, string) {},
	})
	return f
}

// add adds a VMI whose launcher pod has the address.
func (f *fleet) add(name, ip string, e guesthttp.Endpoint) {
	meta := inventory.Meta{Namespace: "default", Name: name, UID: types.UID("vmi-" + name)}
	f.store.PutVMI(inventory.VMI{Meta: meta, Node: "n1", Phase: "Running", Endpoint: &e})
	f.store.PutPod(inventory.Pod{
		Meta: inventory.Meta{Namespace: "default", Name: "launcher-" + name, UID: types.UID("pod-" + name), Owner: inventory.Owner{Name: name, UID: meta.UID}},
		Node: "n1", Phase: "Running", IP: ip,
	})
}

// run scrapes for the time of the test.
func (f *fleet) run(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	running.Go(func() { f.pages.Run(ctx) })
}

// await waits until the guest was scraped the given number of times.
func (f *fleet) await(t *testing.T, name string, times uint64) scrape.Status {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		if s, ok := f.pages.status("default/" + name); ok && s.Tries() >= times {
			return s
		}
	}
	t.Fatalf("%s was not scraped %d times", name, times)
	return scrape.Status{}
}

func plain(port uint16) guesthttp.Endpoint {
	return guesthttp.Endpoint{Scheme: "http", Port: port, Path: "/metrics", Format: guesthttp.Auto}
}

func only(failed map[scrape.Outcome]uint64, wanted map[scrape.Outcome]bool) bool {
	for outcome := range failed {
		if !wanted[outcome] {
			return false
		}
	}
	return true
}

const stubStatus = "Active connections: 1 \nserver accepts handled requests\n 1 1 1 \nReading: 0 Writing: 1 Waiting: 0 \n"

func honest(conn net.Conn) {
	readRequest(conn)
	send(conn, ok+"\r\n"+stubStatus)
}

// Each attack costs the guest its own value and nothing else: the honest guest
// beside it is read as ever, and the server's memory is bounded.
func TestAttacksOfGuests(t *testing.T) {
	f := newFleet(700*time.Millisecond, loopback)
	f.add("honest", "127.0.0.1", plain(listen(t, "127.0.0.1", honest)))
	for i, a := range attacks {
		f.add(strconv.Itoa(i), "127.0.0.1", plain(listen(t, "127.0.0.1", func(conn net.Conn) {
			readRequest(conn)
			a.do(conn)
		})))
	}
	f.run(t)
	f.await(t, "honest", 3)
	for i, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			s := f.await(t, strconv.Itoa(i), 2)
			// On a machine without time to spare the timeout may come first.
			if want := map[scrape.Outcome]bool{a.want: true, scrape.Timeout: true}; !only(s.Failed, want) || s.Succeeded != 0 {
				t.Errorf("scrapes: %d succeeded, failed %v (%v), want all to end with %s", s.Succeeded, s.Failed, s.Err, a.want)
			}
		})
	}
	s, _ := f.pages.status("default/honest")
	timeouts := s.Failed[scrape.Timeout] // As above.
	if age := time.Since(s.LastSuccess); !only(s.Failed, map[scrape.Outcome]bool{scrape.Timeout: true}) || timeouts > s.Succeeded/2 || age > 5*time.Second {
		t.Errorf("the honest guest's scrapes: %d succeeded, failed %v, the last success is %s old", s.Succeeded, s.Failed, age)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	if mib := memory.HeapInuse >> 20; mib > 64 {
		t.Errorf("%d MiB of heap are in use", mib)
	}
}

// What a guest gets to see of us is a plain request, whatever it answered before.
func TestAGuestIsToldNothing(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:1")
	requests := make(chan string, 10)
	port := listen(t, "127.0.0.1", func(conn net.Conn) {
		requests <- readRequest(conn)
		send(conn, ok+"Set-Cookie: id=1\r\nWWW-Authenticate: Basic\r\nAlt-Svc: h2=\"elsewhere:443\"\r\n\r\n"+stubStatus)
	})
	f := newFleet(5*time.Second, loopback)
	f.add("web", "127.0.0.1", plain(port))
	f.run(t)
	f.await(t, "web", 2)
	want := fmt.Sprintf("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: guest-metrics-server\r\n"+
		"Accept: text/plain;version=0.0.4,*/*;q=0.1\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n", port)
	for range 2 {
		if diff := cmp.Diff(want, <-requests); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

// A pod's status can say what it likes: nobody is called at a forbidden address.
func TestForbiddenAddressesAreNotCalled(t *testing.T) {
	called := make(chan struct{}, 10)
	port := listen(t, "127.0.0.1", func(net.Conn) { called <- struct{}{} })
	f := newFleet(5*time.Second, nil)
	f.add("loopback", "127.0.0.1", plain(port))
	f.add("unspecified", "0.0.0.0", plain(port))
	f.add("mapped", "::ffff:127.0.0.1", plain(port))
	f.add("name", "localhost", plain(port))
	f.run(t)
	for _, name := range []string{"loopback", "unspecified", "mapped", "name"} {
		if s := f.await(t, name, 1); s.Failed[scrape.Forbidden] != s.Tries() {
			t.Errorf("%s: %v %v, want all to be forbidden", name, s.Failed, s.Err)
		}
	}
	select {
	case <-called:
		t.Error("the listener was called")
	default:
	}
}

// A guest that serves HTTPS must prove itself, unless its owner says otherwise.
func TestGuestsThatServeHTTPS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "example.com" && r.Host != r.Context().Value(http.LocalAddrContextKey).(net.Addr).String() {
			http.Error(w, "no such host", http.StatusMisdirectedRequest)
			return
		}
		_, _ = io.WriteString(w, stubStatus)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // Of failed handshakes, which the test provokes.
	t.Cleanup(server.Close)
	port := netip.MustParseAddrPort(server.Listener.Addr().String()).Port()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for _, test := range []struct {
		name       string
		serverName string // httptest's certificate is for example.com.
		skipVerify bool
		ca         []byte
		want       string
	}{
		{"by the namespace's authority and the name that is asked for", "example.com", false, authority, ""},
		{"not by another name", "guest.example.org", false, authority, "certificate is valid for example.com"},
		{"not without an authority", "example.com", false, nil, "key ca.crt of ConfigMap default/guest-metrics-ca has no certificate"},
		{"anyhow when its owner says so", "", true, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFleet(5*time.Second, loopback)
			f.guestCAs.Set("default", test.ca)
			e := plain(port)
			e.Scheme, e.ServerName, e.SkipVerify = "https", test.serverName, test.skipVerify
			f.add("web", "127.0.0.1", e)
			f.run(t)
			s := f.await(t, "web", 1)
			if test.want == "" && s.Err != nil || test.want != "" && (s.Err == nil || !strings.Contains(s.Err.Error(), test.want)) {
				t.Errorf("the error is %v, want %q", s.Err, test.want)
			}
		})
	}
}
