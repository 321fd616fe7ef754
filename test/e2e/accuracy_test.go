//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"kubevirt.io/client-go/kubevirt"

	"guest-metrics-server/pkg/metric"
)

const (
	accuracyDuration = 45 * time.Second

	// Three of these intervals are a little shorter than the window. So a window
	// that begins just after a visit of the other scraper ends just before one,
	// and one end's statistics are as old as can be and the other's as fresh.
	otherScraperInterval = 3800 * time.Millisecond
)

// TestAccuracy compares what is served with what the scripts of guests say that
// they did, for each metric: with launchers that do not cache their statistics,
// with launchers that do, and with another scraper besides that on one node.
func TestAccuracy(t *testing.T) {
	namespace := newNamespace(t)
	guests := startLoads(t, namespace)
	scrapeBeside(t, cluster.Nodes()[1], otherScraperInterval, func(string, time.Duration) {})

	began := time.Now().Add(3 * time.Second).Add(rateWindow).Truncate(time.Second) // Scripts know whole seconds.
	for _, l := range loads {
		kubectl(t, "annotate", "vmi", "-n", namespace, "-l", "load="+l.name, "--overwrite",
			fmt.Sprintf("script.guestmetrics.io/shape-start=%d", began.Unix()))
	}
	if time.Now().After(began) {
		t.Fatal("the loads were to begin before all guests were told")
	}
	o := observe(t, namespace)
	judge(t, o, guests, began)
}

// A loaded is a guest of which is known what it does.
type loaded struct {
	load   load
	cached bool
	node   string
}

// variant names what stands between a guest and the server.
func (g loaded) variant() string {
	switch {
	case !g.cached:
		return "no cache"
	case g.node == cluster.Nodes()[1]:
		return "cache, another scraper"
	default:
		return "cache"
	}
}

// startLoads starts two guests for each load with a cache, and two without, and
// waits until the values of all span a whole window.
func startLoads(t *testing.T, namespace string) map[string]loaded {
	byGroup := make(map[string]loaded)
	for _, l := range loads {
		for _, cached := range []bool{true, false} {
			group := l.name + "-cached"
			if !cached {
				group = l.name + "-direct"
			}
			yaml := replicaSet(group, 2, l.annotations(cached))
			yaml = strings.ReplaceAll(yaml, "labels: {app: "+group, "labels: {load: "+l.name+", app: "+group)
			apply(t, namespace, yaml)
			byGroup[group] = loaded{load: l, cached: cached}
		}
	}
	eventually(t, patience, func(ctx context.Context) string {
		values, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", namespace, "virtualmachineinstances.kubevirt.io", "*", utilization, ""))
		full := 0
		for _, v := range values {
			if v.WindowSeconds != nil && *v.WindowSeconds >= int64(rateWindow.Seconds())-1 {
				full++
			}
		}
		if full == 2*len(byGroup) {
			return ""
		}
		return fmt.Sprintf("%d of %d guests have a whole window: %v", full, 2*len(byGroup), err)
	})
	client, err := kubevirt.NewForConfig(cluster.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.KubevirtV1().VirtualMachineInstances(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	guests := make(map[string]loaded)
	for _, v := range list.Items {
		g := byGroup[v.Labels["app"]]
		g.node = v.Status.NodeName
		guests[v.Name] = g
	}
	return guests
}

// scrapeBeside is another scraper of a node's page, until the test ends.
func scrapeBeside(t *testing.T, node string, interval time.Duration, read func(page string, took time.Duration)) {
	client, address := virtHandler(t, node)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	running.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for ctx.Err() == nil {
			asked := time.Now()
			// It may fail, as while a node's exporter is away.
			if page, err := fetch(ctx, client, address); err == nil {
				read(page, time.Since(asked))
			}
			select {
			case <-ctx.Done():
			case <-ticker.C:
			}
		}
	})
}

// virtHandler returns where a node's page is, and what trusts it.
func virtHandler(t *testing.T, node string) (client *http.Client, address string) {
	t.Helper()
	pod, err := kubeClient(t).CoreV1().Pods("kubevirt").Get(t.Context(), "virt-handler-"+node, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := kubeClient(t).CoreV1().ConfigMaps("kubevirt").Get(t.Context(), "kubevirt-ca", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	client = clientOf(t, &rest.Config{TLSClientConfig: rest.TLSClientConfig{
		CAData: []byte(bundle.Data["ca-bundle"]), ServerName: "virt-handler.kubevirt.svc",
	}})
	return client, "https://" + pod.Status.PodIP + ":8443/metrics"
}

// observation is what the API answered about a guest.
type observation struct {
	guest, metric string
	second        int64 // Of the timestamp: the API has no fractions.
	window        time.Duration
	value         float64
}

// observations are all different answers, and the scrapes that they come from,
// which the server tells in fractions of a second.
type observations struct {
	began   time.Time
	answers map[observation]bool
	scrapes map[string]map[time.Time]scrape // By node, and by when the page was asked for.
}

// A scrape is when a page was asked for, and how long it took after that until
// a guest was looked at, at most.
type scrape struct {
	at   time.Time
	late time.Duration
}

// dirtyRate is how long launchers calculate the dirty rate for, which begins as
// the other statistics are read. What a scrape takes besides is being late.
const dirtyRate = 1200 * time.Millisecond

// observe asks for each metric of all guests again and again.
func observe(t *testing.T, namespace string) observations {
	read := serverMetrics(t)
	o := observations{time.Now(), make(map[observation]bool), make(map[string]map[time.Time]scrape)}
	for time.Since(o.began) < accuracyDuration {
		o.addScrapes(t, read())
		for _, m := range metric.All() {
			if m.Source != metric.DomainStats {
				continue // These guests have no web servers: TestRequestRates compares those.
			}
			values, err := ask(t.Context(), cluster.RESTConfig(), metricPath("v1beta2", namespace, "virtualmachineinstances.kubevirt.io", "*", m.Name, ""))
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				answer := observation{guest: v.DescribedObject.Name, metric: m.Name, second: v.Timestamp.Unix(), value: v.Value.AsApproximateFloat64()}
				if v.WindowSeconds != nil {
					answer.window = time.Duration(*v.WindowSeconds) * time.Second
				}
				o.answers[answer] = true
			}
		}
	}
	return o
}

var scrapeMetrics = regexp.MustCompile(`(?m)^guest_metrics_server_scrape_(duration|last_success_timestamp)_seconds\{target="([^"]+)"\} (\S+)$`)

// addScrapes adds each node's last scrape from the server's own metrics.
func (o *observations) addScrapes(t *testing.T, page string) {
	last := make(map[string]scrape)
	for _, match := range scrapeMetrics.FindAllStringSubmatch(page, -1) {
		seconds, err := strconv.ParseFloat(match[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		s := last[match[2]]
		if match[1] == "duration" {
			s.late = max(0, time.Duration(seconds*float64(time.Second))-dirtyRate)
		} else {
			s.at = time.UnixMilli(int64(1000*seconds + 0.5))
		}
		last[match[2]] = s
	}
	for node, s := range last {
		if o.scrapes[node] == nil {
			o.scrapes[node] = make(map[time.Time]scrape)
		}
		o.scrapes[node][s.at] = s
	}
}

func clientOf(t *testing.T, config *rest.Config) *http.Client {
	t.Helper()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func fetch(ctx context.Context, client *http.Client, address string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return string(body), err
}
