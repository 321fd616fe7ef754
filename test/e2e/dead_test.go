//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"guest-metrics-server/test/fleet/world"
	"guest-metrics-server/test/web"
)

var scrapeOutcomes = regexp.MustCompile(`(?m)^guest_metrics_server_guest_scrapes_total.*$`)

// A thousand live guests, and a thousand dead ones among them: half refuse
// connections, a quarter takes them and never answers, and a quarter lets them
// wait. The server is as shipped, with its defaults.
func TestDeadGuestsCostLiveOnesNothing(t *testing.T) {
	t.Parallel()
	const (
		guestInterval = 15 * time.Second // The default.
		maxMiB        = 200
		rounds        = 2
	)
	size := world.Fleet{VMIs: 2000, PerNode: 50}
	live := startGuests(t, size)
	f := startFleet(t, size, web.StatusPort)
	path := metricPath("v1beta2", world.NamespaceName(0), vmiResources, "*", requests, "")
	known := func(ctx context.Context) (ages []time.Duration, err error) {
		values, err := ask(ctx, f.server, path)
		if len(values) < len(live) {
			return nil, fmt.Errorf("%d of %d live guests are known: %w", len(values), len(live), err)
		}
		for _, v := range values {
			if !live[v.DescribedObject.Name] || v.Value.Sign() <= 0 {
				t.Fatalf("%s reads %s", v.DescribedObject.Name, v.Value.String())
			}
			ages = append(ages, time.Since(v.Timestamp.Time))
		}
		return ages, nil
	}
	began := time.Now()
	eventually(t, patience, func(ctx context.Context) string {
		if _, err := known(ctx); err != nil {
			return err.Error()
		}
		return ""
	})
	t.Logf("all live guests are known after %s", time.Since(began).Round(time.Second))

	var ages []time.Duration
	hold(t, rounds*guestInterval, nil, func(ctx context.Context) string {
		now, err := known(ctx) // None becomes unknown.
		if err != nil {
			t.Fatal(err)
		}
		ages = append(ages, now...)
		return ""
	})
	page, err := fetch(t.Context(), clientOf(t, f.server), f.server.Host+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	t.Log(strings.Join(scrapeOutcomes.FindAllString(page, -1), "\n"))
	now, peak := memoryMiB(t, f.dir, "VmRSS"), memoryMiB(t, f.dir, "VmHWM")
	slices.Sort(ages)
	usual := ages[len(ages)*99/100]
	t.Logf("%d live guests among %d: of %d values 99 %% are up to %.1f s old and all up to %.1f s; the server holds %d MiB resident, %d at its peak",
		len(live), f.VMIs, len(ages), usual.Seconds(), ages[len(ages)-1].Seconds(), now, peak)
	// On a busy machine a read fails now and then, and that guest's value is older.
	if usual >= 2*guestInterval {
		t.Errorf("more than one value in a hundred is %s old or more", usual)
	}
	if peak >= maxMiB {
		t.Errorf("%d MiB resident, want less than %d", peak, maxMiB)
	}
}

// startGuests lets the guests of a fleet live and be dead until the test ends,
// and returns the names of those that live.
func startGuests(t *testing.T, f world.Fleet) (live map[string]bool) {
	t.Helper()
	live = make(map[string]bool)
	began := time.Now()
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		served := int(1000 * time.Since(began).Seconds())
		fmt.Fprintf(w, "Active connections: 1 \nserver accepts handled requests\n %[1]d %[1]d %[1]d \nReading: 0 Writing: 1 Waiting: 0 \n", served)
	})}
	var running sync.WaitGroup
	t.Cleanup(func() { server.Close(); running.Wait() })
	for i := range f.VMIs {
		ip := net.IPv4(127, byte(100+i/10_000), byte(100+i/100%100), byte(100+i%100)) // As apistub has it.
		switch address := net.JoinHostPort(ip.String(), web.StatusPort); {
		case i%2 == 0:
			live[f.VMI(i).Name()] = true
			listener := listen(t, address)
			running.Go(func() { _ = server.Serve(listener) })
		case i%4 == 1: // Nobody listens.
		case i%8 == 3:
			listen(t, address) // The kernel takes connections, and nobody answers.
		default:
			fillBacklog(t, ip, address)
		}
	}
	return live
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// fillBacklog has the kernel drop what asks for a connection, as a firewall or an
// address without a machine would: a listener that takes none has room for one.
func fillBacklog(t *testing.T, ip net.IP, address string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	tcp, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(ip.To4())}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
}
