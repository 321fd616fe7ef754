package simulate

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"guest-metrics-server/pkg/evaluate"
	"guest-metrics-server/pkg/hpa"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/scrape"
	"guest-metrics-server/pkg/source"
)

// server is the product without its network: what a scraper would do is done by
// calls of scrapeNode and scrapeGuests.
type server struct {
	store        *inventory.Store
	kubevirt     *inventory.KubeVirt
	evaluator    *evaluate.Evaluator
	virtHandlers *source.VirtHandlers
	feed         source.Feed
	nodes        map[string]*target
	guests       map[inventory.Guest]*target
	guestStatus  map[string]*target // the same, by the target's name
}

// target is what a scraper keeps of one.
type target struct {
	decode scrape.DecodeFunc
	status scrape.Status
}

func newServer(c Server, now func() time.Time) *server {
	s := &server{store: inventory.NewStore(inventory.Warmups{Standard: c.Warmup}, now), kubevirt: inventory.NewKubeVirt(), nodes: make(map[string]*target)}
	s.virtHandlers = source.NewVirtHandlers(source.VirtHandlersConfig{
		Inventory: s.store, KubeVirt: s.kubevirt, RateWindow: c.RateWindow, Interval: c.ScrapeInterval,
	})
	statusPages := source.NewStatusPages(source.StatusPagesConfig{
		Inventory: s.store, RateWindow: c.RateWindow, Interval: c.ScrapeInterval, Detected: func(*inventory.VMI, string) {},
	})
	s.feed = source.FeedFrom(s.virtHandlers, statusPages,
		func(name string) (scrape.Status, bool) { return statusOf(s.nodes[name]) },
		func(name string) (scrape.Status, bool) { return statusOf(s.guestStatus[name]) })
	s.evaluator = evaluate.New(evaluate.Config{
		Inventory:        s.store,
		Sources:          map[metric.Source]evaluate.Source{metric.DomainStats: s.virtHandlers, metric.StatusPages: statusPages},
		Now:              now,
		RateWindow:       c.RateWindow,
		MaxSampleAge:     c.MaxSampleAge,
		MinKnownFraction: c.MinKnownFraction,
	})
	s.kubevirt.Set(kubevirtNamespace, nil)
	return s
}

func statusOf(t *target) (scrape.Status, bool) {
	if t == nil {
		return scrape.Status{}, false
	}
	return t.status, true
}

// take is a scrape that gave the response, or failed.
func (t *target) take(now time.Time, response string, err error) {
	if err == nil {
		err = t.decode(context.Background(), now, strings.NewReader(response))
	}
	if t.status.Err = err; err != nil {
		t.status.Failed = map[scrape.Outcome]uint64{scrape.Unreachable: t.status.Failed[scrape.Unreachable] + 1}
		return
	}
	t.status.Succeeded++
	t.status.LastSuccess = now
}

func (s *server) scrapeNode(node string, now time.Time, response string, err error) {
	t := s.nodes[node]
	if t == nil {
		t = &target{decode: s.feed.NodeDecoder(node)}
		s.nodes[node] = t
	}
	t.take(now, response, err)
}

// scrapeGuests scrapes each guest that has a status page.
func (s *server) scrapeGuests(now time.Time, read func(inventory.Guest) (string, error)) {
	before := s.guests
	s.guests, s.guestStatus = make(map[inventory.Guest]*target), make(map[string]*target)
	for _, g := range s.store.Guests() {
		t := before[g]
		if t == nil {
			t = &target{decode: s.feed.GuestDecoder(g)}
		}
		s.guests[g], s.guestStatus[g.Namespace+"/"+g.Name] = t, t
		response, err := read(g)
		t.take(now, response, err)
	}
}

// ask returns what an HPA of the pool reads of a metric.
func (s *server) ask(m hpa.Metric, selector labels.Selector) hpa.Reading {
	if err := s.virtHandlers.Ready(); err != nil {
		return hpa.Reading{Err: err}
	}
	q := evaluate.Query{
		Kind: inventory.Pools, Namespace: namespace, Name: poolName,
		Metric: metric.Lookup(m.Name), MetricSelector: selector,
	}
	if q.Metric == nil {
		return hpa.Reading{Err: errors.New("no metric of the name " + m.Name)}
	}
	if m.Source == hpa.Pods {
		q.Kind, q.Name, q.Selector = inventory.Pods, "", labels.SelectorFromSet(poolLabels)
	}
	values, err := s.evaluator.Answer(q)
	if err != nil {
		return hpa.Reading{Err: err}
	}
	if m.Source != hpa.Pods {
		return hpa.Reading{ValuesMilli: []int64{milli(values[0].Value)}}
	}
	reading := hpa.Reading{Pods: make(map[string]hpa.PodValue, len(values))}
	for _, v := range values {
		reading.Pods[v.Name] = hpa.PodValue{ValueMilli: milli(v.Value), Timestamp: v.At, Window: v.Span}
	}
	return reading
}

// milli returns thousandths, as the API rounds them.
func milli(value float64) int64 { return int64(math.Round(1000 * value)) }
