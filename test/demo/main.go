// Command demo shows the stock HPA scaling a VirtualMachinePool on the load
// inside its guests, on a cluster of local processes: a pool of two gets more
// work than it can do within its target, grows, loses the work, and shrinks.
//
// In a terminal it shows a live view and leaves the cluster up until Ctrl-C;
// elsewhere it prints lines and ends after the scale-down.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"guest-metrics-server/test/local"
	"guest-metrics-server/test/workload"
)

const (
	namespace = "default"
	poolName  = "fedora-nginx"
	selector  = "kubevirt.io/vmpool=" + poolName
	metric    = "guest_cpu_utilization_percent"
	startSize = 2
	work      = 1.7 // Cores: 85 % of the two guests that the pool starts with.
)

// What production uses stands in the flags' defaults; here it is shortened, so
// that nobody has to wait for minutes.
var serverFlags = []string{
	"--scrape-interval=5s", "--guest-scrape-interval=5s", "--rate-window=10s", "--max-sample-age=20s", "--warmup=3s",
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	began := time.Now()
	state, err := os.MkdirTemp("", "gms-demo-")
	if err != nil {
		return err
	}
	server, err := local.BuildServer(ctx, state, os.Stdout)
	if err != nil {
		return err
	}
	cluster, err := local.Start(ctx, local.Options{StateDir: filepath.Join(state, "cluster"), Progress: os.Stdout})
	if err != nil {
		return err
	}
	defer func() {
		fmt.Println("Stopping the cluster.")
		if err = errors.Join(err, cluster.Stop()); err == nil {
			err = os.RemoveAll(state)
		}
	}()
	fmt.Printf("Starting guest-metrics-server with short times: %v.\n", serverFlags)
	if err := cluster.StartServer(ctx, server, serverFlags...); err != nil {
		return err
	}
	fmt.Println("Applying the pool and its HPA (manifests/fedora-nginx-pool, with windows of seconds).")
	if _, err := cluster.Kubectl(ctx, nil, "apply", "--server-side", "-k", "test/demo"); err != nil {
		return err
	}
	load, err := workload.New(cluster.RESTConfig(), namespace, selector)
	if err != nil {
		return err
	}
	d := &demo{cluster: cluster, load: load, began: began}
	if err := d.connect(); err != nil {
		return err
	}
	interactive := term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd()))
	if interactive {
		d.show = newLiveView(os.Stdout).show
	} else {
		d.show = newPlainView(os.Stdout).show
	}
	if err := d.play(ctx); err != nil {
		return err
	}
	if interactive {
		fmt.Print(epilogue(cluster))
		<-ctx.Done()
	}
	return nil
}

// play runs the story and shows it.
func (d *demo) play(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	loadCtx, stopLoad := context.WithCancel(ctx)
	defer stopLoad()
	running.Go(func() {
		if err := d.load.Run(loadCtx); err != nil {
			d.fail(err)
			cancel()
		}
	})
	grown := 0
	steps := []struct {
		title string
		cores float64
		done  func(observation) bool
	}{
		{"1/3 the guests boot and warm up, without work", 0, func(o observation) bool { return o.known() >= startSize }},
		{fmt.Sprintf("2/3 %.1f cores' worth of work: more than the target for two guests", work), work, func(o observation) bool {
			grown = max(grown, o.replicas)
			return o.replicas > startSize && o.steady() && o.known() == o.replicas
		}},
		{"3/3 the work is gone", 0, func(o observation) bool { return o.replicas == startSize && o.steady() }},
	}
	for _, step := range steps {
		d.load.Set(step.cores)
		if err := d.until(ctx, step.title, step.done); err != nil {
			return errors.Join(d.failure(), fmt.Errorf("during %q: %w", step.title, err))
		}
	}
	fmt.Printf("\nThe pool went from %d to %d virtual machines and back to %d.\n", startSize, grown, startSize)
	return nil
}

// until observes and shows once a second until the step is done.
func (d *demo) until(ctx context.Context, title string, done func(observation) bool) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		o, err := d.observe(ctx, title)
		if err != nil {
			return err
		}
		d.show(o)
		if done(o) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func epilogue(cluster *local.Cluster) string {
	path := fmt.Sprintf("/apis/custom.metrics.k8s.io/v1beta2/namespaces/%s/pods/*/%s", namespace, metric)
	return fmt.Sprintf(`
The cluster runs until Ctrl-C. To look around (kubectl is also at %s):

  export KUBECONFIG=%s
  kubectl get vmpool,vmi,hpa
  kubectl get --raw '%s'
  kubectl annotate vmi --overwrite -l %s %s=90   # work for each guest, in percent of its vCPUs

Logs and process ids are in %s.
`, cluster.KubectlPath(), cluster.Kubeconfig(), path, selector, workload.CPUPercent, filepath.Dir(cluster.Kubeconfig()))
}
