package source

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/scrape"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// world is a node n1 whose responses are taken in.
type world struct {
	*VirtHandlers
	store *inventory.Store
}

func newWorld() *world {
	store := inventory.NewStore(inventory.Warmups{}, func() time.Time { return noon })
	s := NewVirtHandlers(VirtHandlersConfig{Inventory: store, KubeVirt: inventory.NewKubeVirt(), RateWindow: time.Minute, Interval: 15 * time.Second})
	s.status = func(string) (scrape.Status, bool) { return scrape.Status{LastSuccess: noon}, true }
	return &world{s, store}
}

func (w *world) put(name, uid, node string, paused bool) {
	w.store.PutVMI(inventory.VMI{
		Meta: inventory.Meta{Namespace: "ns", Name: name, UID: types.UID(uid)}, Node: node, Phase: "Running", Paused: paused,
	})
}

// known renders what the history knows under the UIDs: whether there is a rate,
// or when the newest sample is from.
func (w *world) known(uids ...string) string {
	var out []string
	for _, uid := range uids {
		window, ok := w.history.Window(uid)
		switch samples, _ := window.Run(); {
		case !ok:
			out = append(out, uid+" nothing")
		case samples > 1:
			out = append(out, uid+" rates")
		default:
			out = append(out, uid+" one sample")
		}
	}
	return strings.Join(out, ", ")
}

func line(name string, seconds float64) string {
	return fmt.Sprintf("kubevirt_vmi_vcpu_seconds_total{namespace=\"ns\",name=%q,id=\"0\"} %g\n", name, seconds)
}

func TestPages(t *testing.T) {
	for _, test := range []struct {
		name      string
		given     func(w *world)
		then      func(w *world) // Happens between the two responses.
		responses [2]string
		want      string
		// Over both responses.
		malformed, unmatched float64
	}{
		{
			"two responses give a rate, under the UID",
			func(w *world) { w.put("a", "uid-a", "n1", false) }, nil,
			[2]string{line("a", 1), line("a", 2)}, "uid-a rates, uid-b nothing", 0, 0,
		},
		{
			"a VMI that the API does not have is unmatched",
			func(w *world) { w.put("a", "uid-a", "n1", false) }, nil,
			[2]string{line("a", 1) + line("b", 1), line("a", 2)}, "uid-a rates, uid-b nothing", 0, 1,
		},
		{
			"a VMI that runs on another node is unmatched, as a migration's target",
			func(w *world) { w.put("a", "uid-a", "n2", false) }, nil,
			[2]string{line("a", 1), line("a", 2)}, "uid-a nothing, uid-b nothing", 0, 2,
		},
		{
			"a name that is used again is another VMI",
			func(w *world) { w.put("a", "uid-a", "n1", false) },
			func(w *world) { w.put("a", "uid-b", "n1", false) },
			[2]string{line("a", 1), line("a", 2)}, "uid-a one sample, uid-b one sample", 0, 0,
		},
		{
			"a paused VMI gets no sample, since its counters stand still",
			func(w *world) { w.put("a", "uid-a", "n1", false) },
			func(w *world) { w.put("a", "uid-a", "n1", true) },
			[2]string{line("a", 1), line("a", 1)}, "uid-a one sample, uid-b nothing", 0, 0,
		},
		{
			"a VMI that is paused no more begins anew",
			func(w *world) { w.put("a", "uid-a", "n1", true) },
			func(w *world) { w.put("a", "uid-a", "n1", false) },
			[2]string{line("a", 1), line("a", 1)}, "uid-a one sample, uid-b nothing", 0, 0,
		},
		{
			"a line that cannot be read costs its VMI alone",
			func(w *world) { w.put("a", "uid-a", "n1", false); w.put("b", "uid-b", "n1", false) }, nil,
			[2]string{line("a", 1) + strings.ReplaceAll(line("b", 1), " 1\n", " one\n"), line("a", 2) + line("b", 2)},
			"uid-a rates, uid-b one sample", 1, 0,
		},
		{
			"a VMI that a response lacks keeps what is known",
			func(w *world) { w.put("a", "uid-a", "n1", false) }, nil,
			[2]string{line("a", 1), ""}, "uid-a one sample, uid-b nothing", 0, 0,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			test.given(w)
			take := w.decoder("n1")
			for i, text := range test.responses {
				if i == 1 && test.then != nil {
					test.then(w)
				}
				if err := take(t.Context(), noon.Add(time.Duration(i)*15*time.Second), strings.NewReader(text)); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(test.want, w.known("uid-a", "uid-b")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got := testutil.ToFloat64(w.malformed); got != test.malformed {
				t.Errorf("%g malformed series are counted, want %g", got, test.malformed)
			}
			if got := testutil.ToFloat64(w.unmatched); got != test.unmatched {
				t.Errorf("%g unmatched samples are counted, want %g", got, test.unmatched)
			}
		})
	}
}

func TestAPageThatBreaksOffIsNotTakenAtAll(t *testing.T) {
	w := newWorld()
	w.put("a", "uid-a", "n1", false)
	broken := errors.New("connection reset")
	err := w.decoder("n1")(t.Context(), noon, io.MultiReader(strings.NewReader(line("a", 1)), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
	if got := w.known("uid-a"); got != "uid-a nothing" {
		t.Errorf("got %s", got)
	}
}
