package guest

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const kernelCounts = `12.34 8.5
cpu  100 20 30 800 50 1 2 3 0 0
cpu0 100 20 30 800 50 1 2 3 0 0
MemTotal:         100000 kB
MemAvailable:      60000 kB
Inter-|   Receive                                                |  Transmit
    lo:     111       1    0    0    0     0          0         0      111       1    0    0    0     0       0          0
  eth0:    2222      22    0    0    0     0          0         0     3333      33    0    0    0     0       0          0
`

const nginxCounts = "Active connections: 1 \nserver accepts handled requests\n 5 5 42 \nReading: 0 Writing: 1 Waiting: 0 \n"

func TestCountsAreReadFromTheKernelAndNginx(t *testing.T) {
	var got Counts
	if err := got.readKernel([]byte(kernelCounts)); err != nil {
		t.Fatal(err)
	}
	if err := got.readStatus([]byte(nginxCounts)); err != nil {
		t.Fatal(err)
	}
	got.BusySeconds = math.Round(100*got.BusySeconds) / 100
	want := Counts{BusySeconds: 3.84, UptimeSeconds: 12.34, Requests: 42, ReceivedBytes: 2222, MemoryUtilizationPercent: 40}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestCountsThatLackSomethingAreRefused(t *testing.T) {
	var c Counts
	for _, text := range []string{"", "cpu 1 2 3\n", "12.34 8.5\ncpu 1 2 3 4 5 6 7 8\nMemTotal: 1 kB\nMemAvailable: 1 kB\neth0: x\n"} {
		if err := c.readKernel([]byte(text)); err == nil {
			t.Errorf("%q is taken for what the kernel counts", text)
		}
	}
	if err := c.readStatus([]byte("<html>404</html>")); err == nil {
		t.Error("an error page is taken for what nginx counts")
	}
}

func TestCountsBetweenTwo(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	counts := []Counts{{At: start, Requests: 10}, {At: start.Add(2 * time.Second), Requests: 30}, {At: start.Add(4 * time.Second), Requests: 40}}
	for after, want := range map[time.Duration]float64{
		500 * time.Millisecond: 15, 2 * time.Second: 30, 3 * time.Second: 35,
		-time.Second: math.NaN(), 5 * time.Second: math.NaN(),
	} {
		got := At(counts, start.Add(after)).Requests
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("after %v there were %v requests, want %v", after, got, want)
		}
	}
}
