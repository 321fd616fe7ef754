package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/ingest"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/scrape"
)

const (
	defaultNamespace = "default"
	scrapeInterval   = 15 * time.Second
)

// world is a small cluster with a clock of its own: objects as the API tells
// them, guests that work, and nodes whose pages tell of them. Its pages are
// text and go through the real decoder; everything behind them is the product.
type world struct {
	t        *testing.T
	now      time.Time
	store    *inventory.Store
	ingester *ingest.Ingester
	provider *Provider
	vmis     map[string]inventory.VMI // Without the namespace.
	guests   map[string]*guest
	nodes    map[string]*node
	uids     int
}

// guest is what happens in a VMI, under the VMI's name.
type guest struct {
	vcpus         []float64 // Seconds that each ran.
	delay         []float64 // Seconds that each waited.
	busy, waiting float64   // 0-1, from now on.
	hangs         bool      // Its launcher does not answer: the page lacks it.

	series map[string]*series // Others than of vCPUs, as on the page without prefix and VMI.
}

// series is a gauge, or a counter with a rate.
type series struct{ value, perSecond float64 }

// node is a virt-handler.
type node struct {
	page   scrape.PageFunc
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
	samples := history.NewStore(30 * time.Second)
	clock := func() time.Time { return w.now }
	w.store = inventory.NewStore(inventory.DefaultWarmup, clock)
	w.ingester = ingest.New(w.store, samples)
	w.provider = New(Config{
		Inventory: w.store,
		History:   samples,
		ScrapeStatus: func(name string) (scrape.Status, bool) {
			n, ok := w.nodes[name]
			if !ok {
				return scrape.Status{}, false
			}
			return n.status, true
		},
		Now:              clock,
		MaxSampleAge:     time.Minute,
		MinKnownFraction: 0.5,
	})
	return w
}

// step does one line of a scenario:
//
//	vmi NAME key=value...     adds or changes a VMI and its launcher pod; see vmi
//	pod NAME vmi=V node=N phase=P   another launcher pod of the VMI
//	gone NAME                 deletes the VMI and its guest
//	guest NAME key=value...   says what the guest does from now on; see guest
//	gauge NAME SERIES VALUE   sets a series of the guest, such as memory_usable_bytes
//	rate NAME SERIES RATE     lets a series of the guest grow, per second
//	none NAME SERIES          takes it off the page
//	service NAME k:v,...      a Service with a selector of pods
//	node NAME fails=TEXT      lets scrapes fail; without fails they succeed
//	run DURATION              lets time pass with a scrape of every node each 15 s
//	wait DURATION             lets time pass without scrapes
//	scrape NODE               scrapes one node now
//	page NODE LINE | LINE...   scrapes one node now, with this page
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
	case "gauge", "rate", "none":
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
		w.scrape(name, w.page(name))
	case "page":
		w.scrape(name, strings.ReplaceAll(strings.SplitN(line, " ", 3)[2], " | ", "\n")+"\n")
	case "object":
		w.object(name, fields[2])
	default:
		return fmt.Errorf("unknown step %s", fields[0])
	}
	return nil
}

// vmi adds or changes a VMI. New ones run on node n1 and have been Ready for an
// hour; the keys are pool, replicaset, vm, node, uid, phase, ready (a duration
// ago, or never, or lost-DURATION-ago), paused, deleting, warmup, agent, pod (none),
// labels (k:v,...).
func (w *world) vmi(name string, options map[string]string) error {
	v, known := w.vmis[name]
	if !known {
		w.uids++
		v = inventory.VMI{Meta: inventory.Meta{Namespace: defaultNamespace, Name: name, UID: types.UID(fmt.Sprintf("uid-%d", w.uids))}}
		v.Node, v.Phase, v.Ready = "n1", "Running", true
		v.RunningSince, v.ReadyTransition = w.now.Add(-time.Hour), w.now.Add(-time.Hour)
	}
	for key, value := range options {
		switch key {
		case "pool":
			w.object("pool", value)
			w.owned("vm", name, value)
			v.Owner = inventory.Owner{Name: name, UID: types.UID("vm-" + name)}
		case "replicaset", "vm":
			w.object(key, value)
			v.Owner = inventory.Owner{Name: value, UID: types.UID(key + "-" + value)}
		case "node":
			v.Node = value
		case "phase":
			v.Phase = value
		case "ready":
			if err := w.ready(&v, value); err != nil {
				return err
			}
		case "paused":
			v.Paused = value == "true"
		case "deleting":
			v.Deleting = value == "true"
		case "warmup":
			d, err := time.ParseDuration(value)
			if err != nil {
				return err
			}
			v.Warmup = &d
		case "labels":
			v.Labels = labelsOf(value)
		case "agent":
			v.Agent = value == "true"
		case "pod":
		default:
			return fmt.Errorf("unknown key %s", key)
		}
	}
	w.vmis[name] = v
	w.node(v.Node)
	w.store.PutVMI(v)
	if options["pod"] != "none" {
		w.putPod(podOf(v), v, v.Node, "Running")
	}
	return nil
}

func labelsOf(text string) map[string]string {
	labels := make(map[string]string)
	for _, pair := range strings.Split(text, ",") {
		k, v, _ := strings.Cut(pair, ":")
		labels[k] = v
	}
	return labels
}

func (w *world) ready(v *inventory.VMI, value string) error {
	ago, isLost := strings.CutPrefix(value, "lost-")
	if value == "never" {
		v.Ready, v.RunningSince, v.ReadyTransition = false, w.now, w.now.Add(-time.Second)
		return nil
	}
	d, err := time.ParseDuration(strings.TrimSuffix(ago, "-ago"))
	if err != nil {
		return err
	}
	v.Ready, v.ReadyTransition = !isLost, w.now.Add(-d)
	return nil
}

// podOf names the launcher pod that a VMI has on its node.
func podOf(v inventory.VMI) string { return "launcher-" + v.Name + "-" + v.Node }

func (w *world) putPod(name string, v inventory.VMI, node, phase string) {
	w.uids++
	w.store.PutPod(inventory.Pod{
		Meta: inventory.Meta{
			Namespace: defaultNamespace, Name: name, UID: types.UID(fmt.Sprintf("pod-%d", w.uids)),
			Labels: v.Labels, Owner: inventory.Owner{Name: v.Name, UID: v.UID},
		},
		Node: node, Phase: phase, IP: "192.0.2.1", Created: w.now,
	})
}

func (w *world) object(kind, name string) { w.owned(kind, name, "") }

func (w *world) owned(kind, name, pool string) {
	o := inventory.Object{Meta: inventory.Meta{Namespace: defaultNamespace, Name: name, UID: types.UID(kind + "-" + name)}}
	if pool != "" {
		o.Owner = inventory.Owner{Name: pool, UID: types.UID("pool-" + pool)}
	}
	w.store.PutObject(map[string]inventory.Kind{"pool": inventory.Pools, "vm": inventory.VMs, "replicaset": inventory.ReplicaSets}[kind], o)
}

// guest changes what a guest does; the keys are vcpus, busy and waiting (in
// percent of the vCPUs), hangs, and seconds (what each vCPU has run for).
func (w *world) guest(name string, options map[string]string) error {
	g := w.guests[name]
	if g == nil {
		g = &guest{vcpus: []float64{100}, delay: []float64{10}}
		w.guests[name] = g
	}
	for _, key := range slices.Sorted(maps.Keys(options)) {
		if key == "hangs" {
			g.hangs = options[key] == "true"
			continue
		}
		number, err := strconv.ParseFloat(options[key], 64)
		if err != nil {
			return err
		}
		switch key {
		case "vcpus":
			for len(g.vcpus) < int(number) {
				g.vcpus, g.delay = append(g.vcpus, 100), append(g.delay, 10)
			}
			g.vcpus, g.delay = g.vcpus[:int(number)], g.delay[:int(number)]
		case "busy":
			g.busy = number / 100
		case "waiting":
			g.waiting = number / 100
		case "seconds":
			for i := range g.vcpus {
				g.vcpus[i], g.delay[i] = number, 0
			}
		default:
			return fmt.Errorf("unknown key %s", key)
		}
	}
	return nil
}

func (w *world) series(fields []string) error {
	g := w.guests[fields[1]]
	if g == nil {
		return errors.New("no such guest")
	}
	if g.series == nil {
		g.series = make(map[string]*series)
	}
	if fields[0] == "none" {
		delete(g.series, fields[2])
		return nil
	}
	number, err := strconv.ParseFloat(fields[3], 64)
	if err != nil {
		return err
	}
	s := g.series[fields[2]]
	if s == nil {
		s = &series{}
		g.series[fields[2]] = s
	}
	if fields[0] == "rate" {
		s.perSecond = number
	} else {
		s.value = number
	}
	return nil
}

func (w *world) node(name string) *node {
	if w.nodes[name] == nil {
		w.nodes[name] = &node{page: w.ingester.Pages(name)}
	}
	return w.nodes[name]
}

// pass lets time pass in steps of the scrape interval.
func (w *world) pass(d time.Duration, scrapes bool) {
	for d > 0 {
		step := min(d, scrapeInterval)
		d -= step
		w.now = w.now.Add(step)
		for name, g := range w.guests {
			if w.vmis[name].Paused {
				continue
			}
			for i := range g.vcpus {
				g.vcpus[i] += g.busy * step.Seconds()
				g.delay[i] += g.waiting * step.Seconds()
			}
			for _, s := range g.series {
				s.value += s.perSecond * step.Seconds()
			}
		}
		if !scrapes {
			continue
		}
		for name, n := range w.nodes {
			if n.status.Err == nil {
				w.scrape(name, w.page(name))
			}
		}
	}
}

// page is what a node's virt-handler tells of the guests on it.
func (w *world) page(node string) string {
	var page strings.Builder
	for name, g := range w.guests {
		if w.vmis[name].Node != node || g.hangs {
			continue
		}
		for i := range g.vcpus {
			fmt.Fprintf(&page, "kubevirt_vmi_vcpu_seconds_total{namespace=%q,name=%q,id=\"%d\",state=\"running\"} %g\n", defaultNamespace, name, i, g.vcpus[i])
			fmt.Fprintf(&page, "kubevirt_vmi_vcpu_delay_seconds_total{namespace=%q,name=%q,id=\"%d\"} %g\n", defaultNamespace, name, i, g.delay[i])
		}
		for text, s := range g.series {
			family, labels, _ := strings.Cut(strings.TrimSuffix(text, "}"), "{")
			fmt.Fprintf(&page, "kubevirt_vmi_%s{namespace=%q,name=%q,%s} %g\n", family, defaultNamespace, name, labels, s.value)
		}
	}
	return page.String()
}

// scrape takes in a page of a node.
func (w *world) scrape(name, text string) {
	n := w.node(name)
	if err := n.page(context.Background(), w.now, strings.NewReader(text)); err != nil {
		w.t.Fatal(err)
	}
	n.status.LastSuccess = w.now
}

// states renders the server's own metric of VMIs by state.
func (w *world) states() string {
	counts := make(map[string]int)
	for _, m := range w.store.All() {
		state := stateKnown
		if _, err := w.provider.assess(m, metric.All()[0], metric.Every); err != nil {
			state = string(err.Reason)
		}
		counts[state]++
	}
	var out strings.Builder
	for _, state := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&out, "%s %d\n", state, counts[state])
	}
	return out.String()
}
