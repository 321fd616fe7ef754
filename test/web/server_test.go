package web

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// own are the server's own counts, in its status page.
var own = map[Kind]*regexp.Regexp{
	Nginx:      regexp.MustCompile(`(?m)^ \d+ \d+ (\d+) $`),
	Apache:     regexp.MustCompile(`(?m)^Total Accesses: (\d+)$`),
	Prometheus: regexp.MustCompile(`(?m)^http_requests_total{code="200",handler="/",method="get"} (\S+)$`),
}

func TestServersCountWhatTheLoadCounts(t *testing.T) {
	for _, kind := range Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			server := startServer(t, kind)
			before := ownCount(t, server)
			pageItself := ownCount(t, server) - before // By nginx and Apache the page is a request like others.

			load := NewLoad()
			load.SetTargets(server.Site())
			load.SetRate(400)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			began := time.Now()
			load.Run(ctx)

			want := load.Counts()[server.Site()]
			if want.Answered < 400 || want.Failed > 0 { // Of 800; on a busy machine some are not sent.
				t.Errorf("%+v, want about 800 answered, and none failed", want)
			}
			got := -1
			for reads := 2; got != want.Answered && reads < 40; reads++ { // Apache counts after it has answered.
				got = ownCount(t, server) - before - reads*pageItself
				<-time.After(50 * time.Millisecond)
			}
			if got != want.Answered {
				t.Errorf("the server counts %d, the load %d", got, want.Answered)
			}
			if got := load.Answered(server.Site(), began, time.Now()); got != want.Answered {
				t.Errorf("%d were answered between start and end, want %d", got, want.Answered)
			}
		})
	}
}

// After a moment in which the machine stood still, a Load has that many.
func TestServersTakeAsManyConnectionsAsALoadOpens(t *testing.T) {
	for _, kind := range Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			server := startServer(t, kind)
			for i := range maxUnderWay {
				one := newLoad(&http.Transport{}) // It keeps its connection.
				if err := one.get(t.Context(), server.Site()); err != nil {
					t.Fatalf("with %d connections open: %v", i, err)
				}
				t.Cleanup(one.client.CloseIdleConnections)
			}
		})
	}
}

func TestServersLogWhenTheirStatusPagesAreRead(t *testing.T) {
	for _, kind := range Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			server := startServer(t, kind) // Reads the page, too.
			before := time.Now().Truncate(time.Millisecond)
			ownCount(t, server)
			after := time.Now()
			awaitCondition(t, "the read is logged", func() bool {
				reads, err := Reads(server.dir)
				if err != nil {
					t.Fatal(err)
				}
				return slices.ContainsFunc(reads, func(at time.Time) bool { return !at.Before(before) && !at.After(after) })
			})
		})
	}
}

func TestServersEndWhenStopped(t *testing.T) {
	for _, kind := range Kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			server := startServer(t, kind)
			if err := server.Check(); err != nil {
				t.Errorf("while it runs: %v", err)
			}
			if err := server.Stop(); err != nil {
				t.Error(err)
			}
			// Not at once: a child of another test may have our sockets until it executes its program.
			awaitCondition(t, "connections are refused", func() bool { return !serves(server.Site()) })
		})
	}
}

func TestServersDoNotOutliveTheirParent(t *testing.T) {
	if ip := os.Getenv("GMS_TEST_SERVER_AT"); ip != "" { // the parent that is to be killed
		kind := Kind(os.Getenv("GMS_TEST_SERVER_KIND"))
		root, err := Unpack(t.Context(), t.Logf, kind)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Start(t.Context(), root, kind, os.Getenv("GMS_TEST_SERVER_IN"), ip); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	for _, kind := range []Kind{Nginx, Apache} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			ip := testIP()
			parent := exec.Command(os.Args[0], "-test.run=^TestServersDoNotOutliveTheirParent$")
			parent.Env = append(os.Environ(), "GMS_TEST_SERVER_AT="+ip, "GMS_TEST_SERVER_KIND="+string(kind), "GMS_TEST_SERVER_IN="+t.TempDir())
			parent.Stdout = os.Stdout
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			status := net.JoinHostPort(ip, StatusPort)
			awaitCondition(t, "the server is there", func() bool { return serves(status) })
			if err := parent.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			parent.Wait() //nolint:errcheck // it was killed
			awaitCondition(t, "the server is gone", func() bool { return !serves(status) })
		})
	}
}

func TestStartDoesNotTakeAnotherServerForItsOwn(t *testing.T) {
	first := startServer(t, Nginx)
	root, err := Unpack(t.Context(), t.Logf, Nginx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), root, Nginx, t.TempDir(), first.ip)
	if err == nil || !strings.Contains(err.Error(), "another server answers on "+first.Site()) {
		t.Errorf("the error is %v, want that another server is there", err)
	}
}

func startServer(t *testing.T, kind Kind) *Server {
	t.Helper()
	root, err := Unpack(t.Context(), t.Logf, kind)
	if err != nil {
		t.Fatal(err)
	}
	server, err := Start(t.Context(), root, kind, t.TempDir(), testIP())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

var lastIP atomic.Int64

// testIP returns an address of this test's own. 127.100 to 127.199 are clusters'.
func testIP() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 200+pid/250%50, pid%250, lastIP.Add(1))
}

// ownCount reads the server's own count of requests.
func ownCount(t *testing.T, server *Server) int {
	t.Helper()
	response, err := client.Get(server.StatusURL())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v\n%s", response.Status, err, page)
	}
	found := own[server.Kind()].FindSubmatch(page)
	if found == nil {
		if server.Kind() == Prometheus {
			return 0 // There is no series before the first request.
		}
		t.Fatalf("the page has no count:\n%s", page)
	}
	count, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// serves reports whether anybody takes connections there.
func serves(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

func awaitCondition(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(20 * time.Second); !condition(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}
