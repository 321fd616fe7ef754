package evaluate_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/evaluate"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/scrape"
	"guest-metrics-server/pkg/source"
)

const (
	defaultNamespace = "default"
	scrapeInterval   = 15 * time.Second
)

// world is a small cluster with a clock of its own: objects as the API has
// them, guests that work, and nodes whose responses report them. Its responses are
// text and go through the real decoder; everything behind them is the product.
type world struct {
	t         *testing.T
	now       time.Time
	store     *inventory.Store
	feed      source.Feed
	readers   map[inventory.Guest]scrape.DecodeFunc
	evaluator *evaluate.Evaluator
	api       http.Handler
	vmis      map[string]inventory.VMI // Without the namespace.
	guests    map[string]*guest
	nodes     map[string]*node
	uids      int
}

// node is a virt-handler.
type node struct {
	decode scrape.DecodeFunc
	status scrape.Status
}

func newWorld(t *testing.T) *world {
	w := &world{
		t:      t,
		now:    time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC),
		vmis:   make(map[string]inventory.VMI),
		guests: make(map[string]*guest),
		nodes:  make(map[string]*node),
	}
	clock := func() time.Time { return w.now }
	w.store = inventory.NewStore(inventory.DefaultWarmups, clock)
	virtHandlers := source.NewVirtHandlers(source.VirtHandlersConfig{Inventory: w.store, RateWindow: 30 * time.Second, Interval: scrapeInterval})
	statusPages := source.NewStatusPages(source.StatusPagesConfig{
		Inventory: w.store, RateWindow: 30 * time.Second, Interval: scrapeInterval, Detected: func(*inventory.VMI, string) {},
	})
	w.feed = source.FeedFrom(virtHandlers, statusPages, w.nodeStatus, w.guestStatus)
	w.evaluator = evaluate.New(evaluate.Config{
		Inventory:        w.store,
		Sources:          map[metric.Source]evaluate.Source{metric.DomainStats: virtHandlers, metric.StatusPages: statusPages},
		Now:              clock,
		RateWindow:       30 * time.Second,
		MaxSampleAge:     time.Minute,
		MinKnownFraction: 0.5,
	})
	w.api = apiOf(w.evaluator)
	return w
}

func (w *world) nodeStatus(name string) (scrape.Status, bool) {
	n, ok := w.nodes[name]
	if !ok {
		return scrape.Status{}, false
	}
	return n.status, true
}

// step does one line of a scenario:
//
//	vmi NAME key=value...     adds or changes a VMI and its launcher pod; see vmi
//	pod NAME vmi=V node=N phase=P   another launcher pod of the VMI
//	gone NAME                 deletes the VMI and its guest
//	guest NAME key=value...   says what the guest does from now on; see guest
//	gauge NAME SERIES VALUE   sets a series of the guest, such as memory_usable_bytes
//	rate NAME SERIES RATE     lets a series of the guest grow, per second
//	none NAME SERIES          takes it out of the response
//	unread NAME SERIES        lets what begins like that read 0 from now on; without SERIES nothing does
//	absent NAME SERIES        takes what begins like that out of the response; without SERIES puts it back
//	http NAME key=value...    says what the guest's web server does from now on; see http
//	status NAME LINE | LINE... sets the text of the guest's status page; see statusPage
//	service NAME k:v,...      a Service with a selector of pods
//	node NAME fails=TEXT      lets scrapes fail; without fails they succeed
//	run DURATION              lets time pass with a scrape of every node every 15 s
//	wait DURATION             lets time pass without scrapes
//	scrape NODE               scrapes one node now
//	response NODE LINE | LINE...   scrapes one node now, with this response
//	object KIND NAME          an owner without members
func (w *world) step(line string) error {
	fields := strings.Fields(line)
	if len(fields) == 0 || strings.HasPrefix(line, "#") {
		return nil
	}
	options := make(map[string]string)
	for _, f := range fields[1:] {
		if key, value, ok := strings.Cut(f, "="); ok {
			options[key] = strings.ReplaceAll(value, "_", " ")
		}
	}
	if len(fields) < 2 {
		return errors.New("a step has at least one argument")
	}
	name := fields[1]
	switch fields[0] {
	case "vmi":
		return w.vmi(name, options)
	case "pod":
		v := w.vmis[options["vmi"]]
		w.putPod(name, v, options["node"], options["phase"])
	case "gone":
		w.store.DeleteVMI(defaultNamespace, name)
		w.store.DeletePod(defaultNamespace, podOf(w.vmis[name]))
		delete(w.vmis, name)
		delete(w.guests, name)
	case "guest":
		return w.guest(name, options)
	case "http":
		return w.http(name, options)
	case "status":
		return w.statusPage(name, strings.SplitN(line, " ", 3)[2])
	case "gauge", "rate", "none", "unread", "absent":
		return w.series(fields)
	case "service":
		w.store.PutService(inventory.Service{
			Meta: inventory.Meta{Namespace: defaultNamespace, Name: name, UID: types.UID("service-" + name)}, Selector: labelsOf(fields[2]),
		})
	case "node":
		w.node(name).status.Err = nil
		if why := options["fails"]; why != "" {
			w.node(name).status.Err = errors.New(why)
		}
	case "run", "wait":
		d, err := time.ParseDuration(name)
		if err != nil {
			return err
		}
		w.pass(d, fields[0] == "run")
	case "scrape":
		w.scrape(name, w.response(name))
	case "response":
		w.scrape(name, strings.ReplaceAll(strings.SplitN(line, " ", 3)[2], " | ", "\n")+"\n")
	case "object":
		w.object(name, fields[2])
	default:
		return fmt.Errorf("unknown step %s", fields[0])
	}
	return nil
}

// scrape takes in a response of a node.
func (w *world) scrape(name, text string) {
	n := w.node(name)
	if err := n.decode(context.Background(), w.now, strings.NewReader(text)); err != nil {
		w.t.Fatal(err)
	}
	n.status.LastSuccess = w.now
}

// states renders the server's own metric of VMIs by state.
func (w *world) states() string {
	counts := w.evaluator.States(metric.All()[0])
	var out strings.Builder
	for _, state := range slices.Sorted(maps.Keys(counts)) {
		if counts[state] > 0 {
			fmt.Fprintf(&out, "%s %d\n", state, counts[state])
		}
	}
	return out.String()
}
