package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

// The guest's ports, all on its address.
const (
	sitePort   = "8080"
	StatusPort = "8081"
	agentPort  = "8082"

	StatusPath = "/stub_status" // on StatusPort
)

// Guest is a running guest.
type Guest struct{ address netip.Addr }

// Counts is what a guest has counted by itself since it was booted. Only the
// differences of two Counts mean something, but for the memory's.
type Counts struct {
	At time.Time // by our clock

	UptimeSeconds float64
	BusySeconds   float64 // of its CPU, plus the same number each time
	Requests      float64 // that its web server has accepted, for pages of any kind
	ReceivedBytes float64 // by its network interface

	MemoryUtilizationPercent float64 // now
}

// Site returns where the web server answers its clients.
func (g *Guest) Site() string { return net.JoinHostPort(g.address.String(), sitePort) }

// Load sets how busy the guest is, in percent of its CPU.
func (g *Guest) Load(ctx context.Context, percent int) error {
	_, err := g.get(ctx, agentPort, fmt.Sprintf("/cgi-bin/load?%d", percent))
	return err
}

// Logged returns how many requests the web server's log has, which are those to
// the site and not those for its status.
func (g *Guest) Logged(ctx context.Context) (int, error) {
	text, err := g.get(ctx, agentPort, "/cgi-bin/requests")
	if err != nil {
		return 0, err
	}
	count, _, _ := strings.Cut(string(text), " ")
	return strconv.Atoi(count)
}

// Count asks the guest what it has counted.
func (g *Guest) Count(ctx context.Context) (Counts, error) {
	began := time.Now()
	kernel, err := g.get(ctx, agentPort, "/cgi-bin/stat")
	if err != nil {
		return Counts{}, err
	}
	status, err := g.get(ctx, StatusPort, StatusPath)
	if err != nil {
		return Counts{}, err
	}
	c := Counts{At: began.Add(time.Since(began) / 2)}
	if err := c.readKernel(kernel); err != nil {
		return Counts{}, fmt.Errorf("read what the guest's kernel counts: %w in\n%s", err, kernel)
	}
	if err := c.readStatus(status); err != nil {
		return Counts{}, fmt.Errorf("read what the guest's nginx counts: %w in\n%s", err, status)
	}
	return c, nil
}

// readKernel reads lines of /proc/uptime, /proc/stat, /proc/meminfo and
// /proc/net/dev.
//
// Busy is the CPU when it is not idle. Its user and system time would tell the
// same if they were not counted in ticks, of which some are lost when the vCPU
// waits for a host's CPU; idle time is measured.
func (c *Counts) readKernel(text []byte) error {
	uptime, rest, _ := strings.Cut(string(text), " ")
	counted := map[string][]float64{}
	for line := range strings.Lines(rest) {
		if fields := strings.Fields(line); len(fields) > 1 {
			counted[fields[0]] = numbers(fields[1:])
		}
	}
	const idle, iowait, ticksPerSecond = 3, 4, 100
	for name, want := range map[string]int{"cpu": iowait + 1, "eth0:": 1, "MemTotal:": 1, "MemAvailable:": 1} {
		if len(counted[name]) < want {
			return fmt.Errorf("want %d numbers after %q", want, name)
		}
	}
	var err error
	if c.UptimeSeconds, err = strconv.ParseFloat(uptime, 64); err != nil {
		return fmt.Errorf("the uptime: %w", err)
	}
	c.BusySeconds = c.UptimeSeconds - (counted["cpu"][idle]+counted["cpu"][iowait])/ticksPerSecond
	c.ReceivedBytes = counted["eth0:"][0]
	total, available := counted["MemTotal:"][0], counted["MemAvailable:"][0]
	c.MemoryUtilizationPercent = 100 * (total - available) / total
	return nil
}

var acceptedHandledRequests = regexp.MustCompile(`(?m)^ \d+ \d+ (\d+) $`)

func (c *Counts) readStatus(page []byte) error {
	found := acceptedHandledRequests.FindSubmatch(page)
	if found == nil {
		return errors.New("no count of requests")
	}
	var err error
	c.Requests, err = strconv.ParseFloat(string(found[1]), 64)
	return err
}

// numbers reads as many numbers as there are at the beginning.
func numbers(fields []string) []float64 {
	var values []float64
	for _, field := range fields {
		value, err := strconv.ParseFloat(field, 64)
		if err != nil {
			break
		}
		values = append(values, value)
	}
	return values
}

// client does not ask the proxies that the environment may name, and leaves no
// connection open that would be in the guest's counts.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}

func (g *Guest) get(ctx context.Context, port, path string) ([]byte, error) {
	url := "http://" + net.JoinHostPort(g.address.String(), port) + path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the guest: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask the guest: %s answers %s", url, response.Status)
	}
	return io.ReadAll(response.Body)
}

// At returns what the guest counted at a time between two of counts, as if it had
// counted evenly from one to the next.
func At(counts []Counts, at time.Time) Counts {
	i := sort.Search(len(counts), func(i int) bool { return !counts[i].At.Before(at) })
	if i == 0 || i == len(counts) {
		return Counts{At: at, UptimeSeconds: math.NaN(), BusySeconds: math.NaN(), Requests: math.NaN(), ReceivedBytes: math.NaN()}
	}
	before, after := counts[i-1], counts[i]
	share := at.Sub(before.At).Seconds() / after.At.Sub(before.At).Seconds()
	between := func(a, b float64) float64 { return a + share*(b-a) }
	return Counts{
		At:            at,
		BusySeconds:   between(before.BusySeconds, after.BusySeconds),
		UptimeSeconds: between(before.UptimeSeconds, after.UptimeSeconds),
		Requests:      between(before.Requests, after.Requests),
		ReceivedBytes: between(before.ReceivedBytes, after.ReceivedBytes),
	}
}

// Minus returns what was counted since earlier.
func (c Counts) Minus(earlier Counts) Counts {
	return Counts{
		At:            c.At,
		BusySeconds:   c.BusySeconds - earlier.BusySeconds,
		UptimeSeconds: c.UptimeSeconds - earlier.UptimeSeconds,
		Requests:      c.Requests - earlier.Requests,
		ReceivedBytes: c.ReceivedBytes - earlier.ReceivedBytes,
	}
}
