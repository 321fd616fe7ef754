//go:build e2e && accuracy

package e2e

import (
	"context"
	"flag"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"kubevirt.io/client-go/kubevirt"
)

var settingDuration = flag.Duration("setting", 10*time.Minute, "how long to measure each setting for")

// A setting is a pair of flags.
type setting struct{ interval, window time.Duration }

func (s setting) String() string { return fmt.Sprintf("%s / %s", s.interval, s.window) }

// The last one is the default.
var settings = []setting{
	{15 * time.Second, 30 * time.Second},
	{16250 * time.Millisecond, 32500 * time.Millisecond},
	{9750 * time.Millisecond, 29250 * time.Millisecond},
}

// prometheusLike is the interval of another scraper of the second node.
const prometheusLike = 30 * time.Second

// restPercent is the load of guests at rest.
const restPercent = 50

// Guests do one of three things. Those at rest show what the cache alone does; the
// others have libvirts that take as long as the second of these.
var (
	renewals = []int{1, 5, 20, 60} // Milliseconds.

	wave  = load{name: "wave", low: 0.25, period: 45 * time.Second}  // 20 and 80 % in turn.
	steps = load{name: "steps", low: 0.5, period: 200 * time.Second} // 50 and 100 %.
)

const (
	wavePeak  = 80
	stepsPeak = 100

	guestsAtRest = 20
	waving       = 10
	stepping     = 10
)

// TestAccuracyOfSettings measures how far rates are from the truth with each
// setting, and how soon they show a step: two replicas, and on the second node
// another scraper. Launchers have KubeVirt's own cache. It has the cluster for
// itself, and prints tables for docs/accuracy.md.
func TestAccuracyOfSettings(t *testing.T) {
	if least := steps.period + 10*time.Second; *settingDuration < least {
		t.Fatalf("-setting is %s: it must be %s or more, for a step to be seen", *settingDuration, least)
	}
	namespace := newNamespace(t)
	began := time.Now().Truncate(time.Second)
	for _, renewal := range renewals {
		guests := fmt.Sprintf("rest-%d", renewal)
		apply(t, namespace, replicaSet(guests, guestsAtRest/len(renewals), scripted(load{low: 1}, restPercent, renewal, began)))
	}
	apply(t, namespace, replicaSet(wave.name, waving, scripted(wave, wavePeak, renewals[1], began)))
	apply(t, namespace, replicaSet(steps.name, stepping, scripted(steps, stepsPeak, renewals[1], began)))
	all := guestsAtRest + waving + stepping
	nodes := make(map[string]string) // By guest.
	client, err := kubevirt.NewForConfig(cluster.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 4*time.Minute, func(ctx context.Context) string {
		list, err := client.KubevirtV1().VirtualMachineInstances(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err.Error()
		}
		for _, v := range list.Items {
			if v.IsRunning() {
				nodes[v.Name] = v.Status.NodeName
			}
		}
		return missing(all, len(nodes))
	})
	// It would be one more scraper.
	if err := cluster.StopServer(); err != nil {
		t.Fatal(err)
	}
	scrapeBeside(t, cluster.Nodes()[1], prometheusLike, func(string, time.Duration) {})
	var measured []settled
	for _, s := range settings {
		t.Run(s.String(), func(t *testing.T) {
			m := measure(t, s, namespace, nodes, began)
			t.Log(m.text)
			measured = append(measured, m)
		})
	}
	for _, m := range measured {
		fmt.Print(m.text)
	}
	if t.Failed() {
		return
	}
	before, chosen := measured[0], measured[len(measured)-1]
	for _, node := range cluster.Nodes() {
		if now, then := chosen.rest[node].rms(), before.rest[node].rms(); now >= then {
			t.Errorf("guests at rest on %s are off by %.2f points rms with the defaults, and by %.2f with %s", node, now, then, settings[0])
		}
		if bias := chosen.wave[node].bias(); math.Abs(bias) > 1 {
			t.Errorf("a wave's mean on %s is off by %.2f points: want no bias", node, bias)
		}
	}
}

func missing(want, have int) string {
	if have >= want {
		return ""
	}
	return fmt.Sprintf("%d of %d guests are there", have, want)
}

// scripted are the annotations of a guest under a load.
func scripted(l load, peak, renewal int, began time.Time) string {
	return fmt.Sprintf("guestmetrics.io/warmup: 1s, script.guestmetrics.io/cpu-percent: %q, script.guestmetrics.io/stats-milliseconds: %q, "+
		"script.guestmetrics.io/shape-low-percent: %q, script.guestmetrics.io/shape-start: %q, script.guestmetrics.io/shape-period-seconds: %q",
		fmt.Sprint(peak), fmt.Sprint(renewal), fmt.Sprint(100*l.low), fmt.Sprint(began.Unix()), fmt.Sprint(l.period.Seconds()))
}

// deviations are differences from the truth in points of percent.
type deviations []float64

func (d deviations) rms() float64 {
	squares := 0.0
	for _, x := range d {
		squares += x * x
	}
	return math.Sqrt(squares / float64(len(d)))
}

func (d deviations) bias() float64 {
	sum := 0.0
	for _, x := range d {
		sum += x
	}
	return sum / float64(len(d))
}

func (d deviations) worst() float64 {
	worst := 0.0
	for _, x := range d {
		worst = max(worst, math.Abs(x))
	}
	return worst
}

// settled is what a setting comes to, by node.
type settled struct {
	rest, wave map[string]deviations
	text       string
}

// measure measures one setting with two servers of its own.
func measure(t *testing.T, s setting, namespace string, nodes map[string]string, began time.Time) settled {
	var replicas []*asked
	for _, name := range []string{oneReplica, otherReplica} {
		address, _ := startServer(t, name,
			fmt.Sprintf("--scrape-interval=%s", s.interval), fmt.Sprintf("--rate-window=%s", s.window), "--max-sample-age=60s", "-v=2")
		config := cluster.RESTConfig()
		config.Host, config.ServerName = "https://"+address, "guest-metrics-server.guest-metrics-server.svc"
		replicas = append(replicas, &asked{
			config: config, metrics: metricsAt(t, address), began: began, nodes: nodes,
			path:         metricPath("v1beta2", namespace, vmiResources, "*", utilization, ""),
			observations: observations{scrapes: make(map[string]map[time.Time]scrape)},
			seen:         make(map[observation]bool), risen: make(map[string]time.Time),
			rest: make(map[string]deviations), wave: make(map[string]deviations), reactions: make(map[string][]float64),
		})
	}
	for _, r := range replicas {
		eventually(t, 4*time.Minute, func(ctx context.Context) string {
			values, err := ask(ctx, r.config, r.path)
			full := 0
			for _, v := range values {
				if v.WindowSeconds != nil && *v.WindowSeconds >= int64(s.window.Seconds())-1 {
					full++
				}
			}
			if err != nil {
				return err.Error()
			}
			return missing(len(nodes), full)
		})
	}
	start, before := time.Now(), usages(t)
	for _, r := range replicas {
		r.start = start
	}
	for time.Since(start) < *settingDuration {
		for _, r := range replicas {
			r.look(t)
		}
		<-time.After(300 * time.Millisecond)
	}
	after, took := usages(t), time.Since(start)

	m := settled{rest: make(map[string]deviations), wave: make(map[string]deviations)}
	var text strings.Builder
	for i, node := range cluster.Nodes() {
		var reactions []float64
		for _, r := range replicas {
			m.rest[node] = append(m.rest[node], r.rest[node]...)
			m.wave[node] = append(m.wave[node], r.wave[node]...)
			reactions = append(reactions, r.reactions[node]...)
		}
		if len(m.rest[node]) == 0 || len(m.wave[node]) == 0 || len(reactions) == 0 {
			t.Fatalf("nothing was measured on %s", node)
		}
		slices.Sort(reactions)
		who := []string{"two replicas", "and a scraper at 30 s"}[i]
		scrapes := after[node].scrapes - before[node].scrapes
		fmt.Fprintf(&text, "| %s | %s | %.2f (%.1f) | %.2f (%+.2f) | %.0f (%.0f-%.0f) | %.1f ms, %.1f %% of a core |\n", s, who,
			m.rest[node].rms(), m.rest[node].worst(), m.wave[node].rms(), m.wave[node].bias(),
			reactions[len(reactions)/2], reactions[0], reactions[len(reactions)-1],
			1000*(after[node].cpu-before[node].cpu)/scrapes, 100*(after[node].cpu-before[node].cpu)/took.Seconds())
	}
	m.text = text.String()
	return m
}

// asked is a replica and what it has answered.
type asked struct {
	config  *rest.Config
	metrics func() string
	path    string
	began   time.Time
	nodes   map[string]string // By guest.

	observations
	seen       map[observation]bool
	start      time.Time            // Of the measurement.
	risen      map[string]time.Time // The last rise that was seen, by guest.
	rest, wave map[string]deviations
	reactions  map[string][]float64 // Seconds.
}

// look asks for all values and compares those that are new with the truth.
func (a *asked) look(t *testing.T) {
	a.addScrapes(t, a.metrics())
	values, err := ask(t.Context(), a.config, a.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		guest, value := v.DescribedObject.Name, v.Value.AsApproximateFloat64()
		node, at := a.nodes[guest], observation{guest: v.DescribedObject.Name, second: v.Timestamp.Unix()}
		if strings.HasPrefix(guest, steps.name) {
			a.react(guest, node, value)
			continue
		}
		if a.seen[at] || v.WindowSeconds == nil {
			continue
		}
		a.seen[at] = true
		if !strings.HasPrefix(guest, wave.name) {
			a.rest[node] = append(a.rest[node], value-restPercent)
			continue
		}
		from, to, ok := a.span(node, observation{second: at.second, window: time.Duration(*v.WindowSeconds) * time.Second})
		if ok {
			a.wave[node] = append(a.wave[node], value-wavePeak*wave.mean(a.began, from.at, to.at))
		}
	}
}

// react notes how long after a rise a guest's value is within 5 points of it for
// the first time.
func (a *asked) react(guest, node string, value float64) {
	now := time.Now()
	since := now.Sub(a.began) % steps.period
	rise := now.Add(-since).Round(time.Second)
	if value < stepsPeak-5 || since > steps.period/2 || rise.Before(a.start) || a.risen[guest].Equal(rise) {
		return
	}
	a.risen[guest] = rise
	a.reactions[node] = append(a.reactions[node], since.Seconds())
}

// used is what a node's exporter has used. Its launchers are in the same process.
type used struct{ cpu, scrapes float64 }

var exporterUsage = regexp.MustCompile(`(?m)^(process_cpu_seconds_total|promhttp_metric_handler_requests_total\{code="200"\}) (\S+)$`)

func usages(t *testing.T) map[string]used {
	byNode := make(map[string]used)
	for _, node := range cluster.Nodes() {
		client, address := virtHandler(t, node)
		page, err := fetch(t.Context(), client, address)
		if err != nil {
			t.Fatal(err)
		}
		var u used
		for _, match := range exporterUsage.FindAllStringSubmatch(page, -1) {
			value, err := strconv.ParseFloat(match[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(match[1], "process") {
				u.cpu = value
			} else {
				u.scrapes = value
			}
		}
		byNode[node] = u
	}
	return byNode
}
