package app

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"guest-metrics-server/pkg/api/custom"
	"guest-metrics-server/pkg/apiserver"
	"guest-metrics-server/pkg/evaluate"
	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/ingest"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/scrape"
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
	store := inventory.NewStore(o.Warmup, time.Now)
	events, err := newEvents(ctx, client)
	if err != nil {
		return err
	}
	watcher, err := inventory.NewWatcher(client, store, o.KubeVirtNamespace, events.problem)
	if err != nil {
		return err
	}
	samples, guestSamples := history.NewStore(o.RateWindow), history.NewStore(o.RateWindow)
	pages := ingest.New(store, samples)
	pool := newNodePool(o, store, pages)
	allowed, err := o.guestAllowed()
	if err != nil {
		return err
	}
	guestPages := ingest.NewGuestPages(store, guestSamples, events.recognised)
	guestPool, guestMetrics := newGuestPool(o, newGuestClients(store, allowed), guestPages)
	answers := evaluate.New(evaluate.Config{
		Inventory:        store,
		VirtHandlers:     evaluate.Source{History: samples, Status: pool.Status, TooLarge: pages.TooLarge},
		Guests:           evaluate.Source{History: guestSamples, Status: guestPool.Status},
		Now:              time.Now,
		RateWindow:       o.RateWindow,
		MaxSampleAge:     o.MaxSampleAge,
		MinKnownFraction: o.MinKnownFraction,
	})
	customMetrics := custom.NewHandler(answers)
	registry := prometheus.NewRegistry()
	registry.MustRegister(guestMetrics...)
	registry.MustRegister(pool, answers, customMetrics, pages, events.problems,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if o.log != nil {
		registry.MustRegister(o.log.leftOut, o.log.clientGone)
	}
	ready := &readiness{
		missing: watcher.Missing,
		targets: func() []scrape.Target { return nodeTargets(store) },
		status:  pool.Status,
	}
	server, err := apiserver.New(apiserver.Config{
		Options:  o.Serving,
		Client:   client,
		APIs:     []apiserver.API{customMetrics.API()},
		Registry: registry,
		Ready:    ready.check,
	})
	if err != nil {
		return err
	}
	logger.Info("Starting", "version", Version, "scrapeInterval", o.ScrapeInterval, "rateWindow", o.RateWindow)

	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { watcher.Run(ctx) })
	running.Go(func() { pool.Run(ctx, func() []scrape.Target { return nodeTargets(store) }, store.TargetsChanged()) })
	running.Go(func() {
		guestPool.Run(ctx, func() []scrape.Target { return guestTargets(store) }, store.GuestsChanged())
	})
	running.Go(func() { answers.LogStates(ctx, o.ScrapeInterval) })
	running.Go(func() { prune(ctx, store, samples, guestSamples, pages) })
	return server.Run(ctx)
}

func clientConfig(kubeconfig string) (*rest.Config, error) {
	config, err := findAPI(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("find the Kubernetes API (in a cluster it is found by itself, elsewhere --kubeconfig tells): %w", err)
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

// replicaName tells this process from the other replicas.
func replicaName() string {
	if name := os.Getenv("POD_NAME"); name != "" {
		return name
	}
	name, _ := os.Hostname()
	return name
}

const pruneInterval = time.Minute

// prune lets what is kept of VMIs that are gone be forgotten.
func prune(ctx context.Context, store *inventory.Store, kept ...interface {
	Prune(keep func(uid string) bool)
}) {
	ticker := time.NewTicker(pruneInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			for _, k := range kept {
				k.Prune(func(uid string) bool { return store.HasVMI(types.UID(uid)) })
			}
		}
	}
}
