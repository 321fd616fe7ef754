//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"guest-metrics-server/test/process"
)

// Two replicas, named as a Deployment names its pods. When they visit a node
// follows from their names: by that they are 1.6 s apart at the first node, where
// they never meet, and 0.6 s at the second, where they always do.
const (
	oneReplica   = "guest-metrics-server-6d5f8b7c9d-wzpsk"
	otherReplica = "guest-metrics-server-6d5f8b7c9d-jvnl2"
)

const (
	// metricRequests is how many requests a node's exporter answers at a time.
	metricRequests = 3

	// prometheusInterval differs from the replicas' by less than a request takes:
	// within five rounds a Prometheus is there at each moment of theirs.
	prometheusInterval = 3100 * time.Millisecond

	replicaRounds = 6
)

// Two replicas and a Prometheus share the three places of a node without a
// refusal, however their visits fall: each has one request there at a time. That
// is certain by count alone. Phases make it rare that they meet, and no more: they
// come from a hash, and of two replicas whose requests take 1.2 s of every 9.75 s
// one request in four overlaps the other's by chance. With a fourth scraper, as the
// third replica of a rolling update or a second Prometheus, one is refused while
// all others are there; a replica then asks again, up to four times in a scrape.
func TestReplicasLeaveAPrometheusItsPlace(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	apply(t, namespace, replicaSet("guests", 4, "")) // Two on each node.
	replicas := []*replica{
		{name: oneReplica, read: serverMetrics(t)},
		{name: otherReplica, read: startReplica(t, otherReplica)},
	}
	eventually(t, patience, func(ctx context.Context) string {
		values, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", namespace, "pods", "*", utilization, ""))
		if len(values) < 4 {
			return fmt.Sprintf("%d of 4 guests are known: %v", len(values), err)
		}
		return ""
	})

	prometheus := startPrometheus(t)
	watchReplicasVisit(t, replicas, replicaRounds)
	for _, node := range cluster.Nodes() {
		prometheus.check(t, node)
		apart := apart(replicas[0].visits.scrapes[node], replicas[1].visits.scrapes[node])
		t.Logf("the replicas are usually %s apart at %s", apart, node)
		if apart < 300*time.Millisecond {
			t.Errorf("the replicas are %s apart at %s: their names give more", apart, node)
		}
	}

	eventually(t, 20*time.Second, func(ctx context.Context) string { return crowd(t, ctx, cluster.Nodes()[0]) })
	watchReplicasVisit(t, replicas, 2) // A moment like that costs them no scrape.
}

// A replica is one of two servers.
type replica struct {
	name   string
	read   func() string // Its own metrics.
	visits observations
}

// startReplica starts a second server of the cluster, until the test ends, and
// returns what reads its metrics. Guests' own pages are none of its business here.
func startReplica(t *testing.T, name string) (read func() string) {
	t.Helper()
	address, _ := startServer(t, name, serverFlags()...)
	return metricsAt(t, address)
}

// startServer starts another server, which the cluster's Service does not lead to,
// until the test ends. It returns when the server is live.
func startServer(t *testing.T, name string, flags ...string) (address string, p *process.Process) {
	t.Helper()
	state := filepath.Dir(cluster.Kubeconfig())
	kubeconfig := filepath.Join(state, "server.kubeconfig")
	address = freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(serverBinary, append(flags,
		"--kubeconfig="+kubeconfig, "--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig,
		"--bind-address=127.0.0.1", "--secure-port="+port,
		"--tls-cert-file="+filepath.Join(state, "pki", "server.crt"), "--tls-private-key-file="+filepath.Join(state, "pki", "server.key"))...)
	cmd.Env = append(os.Environ(), "POD_NAME="+name)
	p = startProcess(t, t.TempDir(), name, cmd)
	client := serverClient(t)
	await(t, p, func(ctx context.Context) error {
		_, err := fetch(ctx, client, "https://"+address+"/livez")
		return err
	})
	return address, p
}

var busyScrapes = regexp.MustCompile(`(?m)^guest_metrics_server_scrapes_total\{.*outcome="busy".*$`)

// watchReplicasVisit watches until each replica has visited each node so often
// from now on, and fails where a node was busy.
func watchReplicasVisit(t *testing.T, replicas []*replica, rounds int) {
	t.Helper()
	for _, r := range replicas {
		r.visits = observations{scrapes: make(map[string]map[time.Time]scrape)}
	}
	eventually(t, patience, func(context.Context) (missing string) {
		for _, r := range replicas {
			page := r.read()
			r.visits.addScrapes(t, page)
			if busy := busyScrapes.FindString(page); busy != "" {
				t.Fatalf("scrapes of %s found a node busy: %s", r.name, busy)
			}
			for _, node := range cluster.Nodes() {
				if n := len(r.visits.scrapes[node]); n <= rounds { // The first was before now.
					missing = fmt.Sprintf("%s visited %s %d times", r.name, node, n)
				}
			}
		}
		return missing
	})
}

// apart is how long the visits of one replica are from the nearest of another, by
// the median.
func apart(one, other map[time.Time]scrape) time.Duration {
	var distances []time.Duration
	for a := range one {
		nearest := scrapeInterval
		for b := range other {
			nearest = min(nearest, a.Sub(b).Abs())
		}
		distances = append(distances, nearest)
	}
	return median(distances)
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// prometheus is what a scraper beside the replicas sees of nodes.
type prometheus struct {
	mu    sync.Mutex
	looks map[string][]look // By node.
}

// A look is what an exporter tells about itself on a page.
type look struct {
	took              time.Duration
	refused, inFlight int
}

func startPrometheus(t *testing.T) *prometheus {
	t.Helper()
	p := &prometheus{looks: make(map[string][]look)}
	for _, node := range cluster.Nodes() {
		scrapeBeside(t, node, prometheusInterval, func(page string, took time.Duration) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.looks[node] = append(p.looks[node], look{
				took:     took,
				refused:  exporterValue(page, `requests_total{code="503"}`),
				inFlight: exporterValue(page, `requests_in_flight`),
			})
		})
	}
	return p
}

// exporterValue returns the value of one of the exporter's own series, -1 where
// there is none.
func exporterValue(page, series string) int {
	_, rest, _ := strings.Cut(page, "\npromhttp_metric_handler_"+series+" ")
	text, _, _ := strings.Cut(rest, "\n")
	value, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return value
}

// check fails unless the node was as slow as real ones are, met the replicas and
// refused nobody.
func (p *prometheus) check(t *testing.T, node string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	looks := p.looks[node]
	if len(looks) == 0 {
		t.Fatalf("no page of %s came", node)
	}
	var took []time.Duration
	most := 0
	for _, l := range looks {
		took = append(took, l.took)
		most = max(most, l.inFlight)
	}
	refused := looks[len(looks)-1].refused - looks[0].refused
	t.Logf("%s: %d pages to the Prometheus, of %s usually; up to %d requests at a time, %d refused", node, len(looks), median(took), most, refused)
	if median(took) < dirtyRate {
		t.Errorf("a page of %s took %s, a real one takes %s", node, median(took), dirtyRate)
	}
	if most < 2 {
		t.Errorf("at %s the Prometheus met nobody", node)
	}
	if refused != 0 || looks[0].refused < 0 {
		t.Errorf("%s refused %d requests", node, refused)
	}
}

// crowd asks a node for more pages at a time than it gives, and returns "" when it
// refused one.
func crowd(t *testing.T, ctx context.Context, node string) string {
	t.Helper()
	client, address := virtHandler(t, node)
	answers := make(chan error)
	for range metricRequests + 1 {
		go func() {
			_, err := fetch(ctx, client, address)
			answers <- err
		}()
	}
	missing := fmt.Sprintf("%s gave %d pages at a time", node, metricRequests+1)
	for range metricRequests + 1 {
		if err := <-answers; err != nil && strings.HasPrefix(err.Error(), fmt.Sprint(http.StatusServiceUnavailable)) {
			t.Logf("of %d requests at a time %s refuses: %v", metricRequests+1, node, err)
			missing = ""
		}
	}
	return missing
}
