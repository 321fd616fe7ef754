package app

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"guest-metrics-server/pkg/api"
	"guest-metrics-server/pkg/api/custom"
	"guest-metrics-server/pkg/api/guestmetrics"
	"guest-metrics-server/pkg/apiserver"
	"guest-metrics-server/pkg/evaluate"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/source"
)

// Version is set when a release is linked.
var Version = "devel"

// Run serves until the context ends. The options must be complete and valid.
func Run(ctx context.Context, o *Options) error {
	logger := klog.FromContext(ctx)
	client, err := clientConfig(o.Kubeconfig)
	if err != nil {
		return err
	}
	known := inventory.New(o.Warmups, time.Now)
	events, err := newEvents(ctx, client)
	if err != nil {
		return err
	}
	watcher, err := inventory.NewWatcher(client, known, o.KubeVirtNamespace, events.problem)
	if err != nil {
		return err
	}
	allowed, err := o.guestAllowed()
	if err != nil {
		return err
	}
	replica := replicaName()
	virtHandlers := source.NewVirtHandlers(source.VirtHandlersConfig{
		Inventory: known.Store, KubeVirt: known.KubeVirt,
		RateWindow: o.RateWindow, Interval: o.ScrapeInterval, Timeout: o.ScrapeTimeout, Replica: replica,
	})
	statusPages := source.NewStatusPages(source.StatusPagesConfig{
		Inventory: known.Store, GuestCAs: known.GuestCAs, NodeAddresses: known.NodeAddresses,
		RateWindow: o.RateWindow, Interval: o.GuestInterval, Timeout: o.GuestTimeout, Replica: replica,
		Allowed: allowed, Detected: events.detected,
	})
	sources := []dataSource{virtHandlers, statusPages}
	evaluator := evaluate.New(evaluate.Config{
		Inventory:        known.Store,
		Sources:          map[metric.Source]evaluate.Source{metric.DomainStats: virtHandlers, metric.StatusPages: statusPages},
		Now:              time.Now,
		RateWindow:       o.RateWindow,
		MaxSampleAge:     o.MaxSampleAge,
		MinKnownFraction: o.MinKnownFraction,
	})
	customMetrics := custom.NewHandler(evaluator)
	guestMetrics := guestmetrics.Config{VMIs: evaluator, Targets: targetsOf(virtHandlers), Replica: replica, Now: time.Now}
	registry := prometheus.NewRegistry()
	for _, s := range sources {
		registry.MustRegister(s)
	}
	registry.MustRegister(evaluator, customMetrics, events.problems, samplesOf(sources),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if o.log != nil {
		registry.MustRegister(o.log.leftOut, o.log.clientGone)
	}
	ready := &readiness{missing: watcher.Missing, sources: sources}
	server, err := apiserver.New(apiserver.Config{
		Options:  o.Serving,
		Client:   client,
		APIs:     []api.Group{customMetrics.API(), guestMetrics.API()},
		Registry: registry,
		Ready:    ready.check,
	})
	if err != nil {
		return err
	}
	logger.Info("Starting", "version", Version, "scrapeInterval", o.ScrapeInterval, "rateWindow", o.RateWindow)
	for _, warning := range o.warnings() {
		logger.Info("Warning: " + warning)
	}

	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { watcher.Run(ctx) })
	for _, s := range sources {
		running.Go(func() { s.Run(ctx) })
	}
	running.Go(func() { evaluator.LogStates(ctx, o.ScrapeInterval) })
	running.Go(func() { prune(ctx, sources) })
	return server.Run(ctx)
}

func clientConfig(kubeconfig string) (*rest.Config, error) {
	config, err := findAPI(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("find the Kubernetes API (in a cluster it is found by itself, elsewhere --kubeconfig says where): %w", err)
	}
	// A list of all VMIs of a large cluster may take its time; a few clients need no throttle.
	config.QPS, config.Burst = 50, 100
	return rest.AddUserAgent(config, "guest-metrics-server/"+Version), nil
}

func findAPI(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		return rest.InClusterConfig() // BuildConfigFromFlags would warn of it.
	}
	return clientcmd.BuildConfigFromFlags("", kubeconfig)
}

// replicaName names this process among the replicas.
func replicaName() string {
	if name := os.Getenv("POD_NAME"); name != "" {
		return name
	}
	name, _ := os.Hostname()
	return name
}

// targetsOf lets the API show what the source knows of its targets.
func targetsOf(s *source.VirtHandlers) func() []guestmetrics.Target {
	return func() []guestmetrics.Target {
		statuses := s.Targets()
		targets := make([]guestmetrics.Target, len(statuses))
		for i, status := range statuses {
			targets[i] = guestmetrics.Target(status)
		}
		return targets
	}
}

// A dataSource is a source of samples as the server runs it.
type dataSource interface {
	prometheus.Collector
	Run(ctx context.Context) // Until the context ends.
	Ready() error            // Says what it waits for, nil when answers can be given.
	Prune()                  // Forgets the VMIs that are gone.
	Samples() int            // Held in memory.
}

func samplesOf(sources []dataSource) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "guest_metrics_server_samples",
		Help: "Samples of VMIs held in memory.",
	}, func() float64 {
		samples := 0
		for _, s := range sources {
			samples += s.Samples()
		}
		return float64(samples)
	})
}

const pruneInterval = time.Minute

// prune lets the sources forget VMIs that are gone, until the context ends.
func prune(ctx context.Context, sources []dataSource) {
	ticker := time.NewTicker(pruneInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			for _, s := range sources {
				s.Prune()
			}
		}
	}
}
