package source

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/inventory"
)

// A VMI that came to run after the last scrape has done nothing that its launcher
// would be to blame for.
func TestSilence(t *testing.T) {
	for _, test := range []struct {
		name    string
		running time.Duration // Since when, after the last scrape.
		want    string
	}{
		{"for long", -time.Hour, "no_sample: no sample yet: virt-handler on node n1 answers, but without this VMI: its launcher may hang"},
		{"since then", time.Second, "no_sample: no sample yet: virt-handler on node n1 has not been scraped since the VMI runs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			w.store.PutVMI(inventory.VMI{
				Meta: inventory.Meta{Namespace: "ns", Name: "a", UID: types.UID("uid-a")}, Node: "n1", Phase: "Running",
				RunningSince: noon.Add(test.running),
			})
			_, err := w.Window(w.store.VMI("ns", "a"))
			if diff := cmp.Diff(test.want, string(err.Code)+": "+err.Detail); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Samples of before a pause say nothing of after it, even when no scrape fell into
// it.
func TestAPauseBetweenTwoScrapes(t *testing.T) {
	w := newWorld()
	w.store = inventory.NewStore(inventory.Warmups{}, func() time.Time { return noon.Add(20 * time.Second) })
	w.inventory = w.store
	w.put("a", "uid-a", "n1", false)
	take := w.decoder("n1")
	known := func() string {
		window, err := w.Window(w.store.VMI("ns", "a"))
		if err != nil {
			return string(err.Code)
		}
		samples, _ := window.Run()
		return strings.Repeat("s", samples)
	}
	for _, test := range []struct {
		second  time.Duration
		paused  bool
		seconds float64 // Of the vCPU, 0 for no response.
		want    string
	}{
		{0, false, 10, "s"},
		{15, false, 11, "ss"},
		{17, true, 0, "ss"}, // The rules say that it is paused.
		{20, false, 0, "no_sample"},
		{19, false, 12, "no_sample"}, // The response was asked for in the pause.
		{30, false, 13, "s"},
		{45, false, 14, "ss"},
	} {
		w.put("a", "uid-a", "n1", test.paused)
		if test.seconds > 0 {
			if err := take(t.Context(), noon.Add(test.second*time.Second), strings.NewReader(line("a", test.seconds))); err != nil {
				t.Fatal(err)
			}
		}
		if got := known(); got != test.want {
			t.Errorf("at %d s: got %q, want %q", test.second, got, test.want)
		}
	}
}
