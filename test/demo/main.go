// Command demo shows the stock HPA scaling VirtualMachinePools on the load inside
// their guests, on a cluster of local processes. In the first act it is CPU, in
// the second requests per second: a pool of two gets more than it can do within
// its target, grows, loses the load, and shrinks.
//
// In a terminal it shows a live view and leaves the cluster up until Ctrl-C;
// elsewhere it prints lines and ends after the last scale-down.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"guest-metrics-server/test/local"
	"guest-metrics-server/test/web"
	"guest-metrics-server/test/workload"
)

const namespace = "default"

// What production uses stands in the flags' defaults; here it is shortened, so
// that nobody has to wait for minutes.
var serverFlags = []string{
	"--scrape-interval=6500ms", "--guest-scrape-interval=5s", "--rate-window=13s", "--max-sample-age=26s", "--warmup=3s", "--warmup-with-probe=3s",
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

// run has a directory for everything, and leaves it only for the logs of what
// failed.
func run(ctx context.Context) (err error) {
	began := time.Now()
	state, err := os.MkdirTemp("", "gms-demo-")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil || ctx.Err() != nil {
			err = errors.Join(err, os.RemoveAll(state))
		}
	}()
	server, err := local.BuildServer(ctx, state, os.Stdout)
	if err != nil {
		return err
	}
	plugin, err := local.BuildPlugin(ctx, state, os.Stdout)
	if err != nil {
		return err
	}
	nginx, noNginx := web.Unpack(ctx, printLine, web.Nginx)
	cluster, err := local.Start(ctx, local.Options{StateDir: filepath.Join(state, "cluster"), Progress: os.Stdout})
	if err != nil {
		return err
	}
	defer func() {
		fmt.Println("Stopping the cluster.")
		err = errors.Join(err, cluster.Stop())
	}()
	fmt.Printf("Starting guest-metrics-server with short times: %v.\n", serverFlags)
	if err := cluster.StartServer(ctx, server, serverFlags...); err != nil {
		return err
	}
	d := &demo{
		cluster: cluster, state: state, plugin: plugin, nginx: nginx, noNginx: noNginx, began: began,
		interactive: term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd())),
	}
	if err := d.connect(); err != nil {
		return err
	}
	if err := d.perform(ctx); err != nil {
		return err
	}
	return d.failure()
}

func printLine(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// perform plays both acts. What the second started stays until the end.
func (d *demo) perform(ctx context.Context) error {
	metric, err := d.scaleOnCPU(ctx)
	if err != nil {
		return err
	}
	if d.noNginx != nil {
		fmt.Printf("\nThe second act, on requests per second, is left out, since there is no nginx for it: %v\n", d.noNginx)
	} else {
		requests, err := newRequests(d.cluster.RESTConfig(), d.nginx, filepath.Join(d.state, "nginx"))
		if err != nil {
			return err
		}
		defer d.start(ctx, requests.run)()
		if metric, err = d.scaleOnRequests(ctx, requests); err != nil {
			return err
		}
	}
	if err := d.explain(ctx); err != nil {
		return err
	}
	if d.interactive {
		fmt.Print(d.epilogue(metric))
		<-ctx.Done()
	}
	return nil
}

// explain shows what the plugin says of the first act's HPA.
func (d *demo) explain(ctx context.Context) error {
	args := []string{"explain", "hpa/" + cpuPool, "-n", namespace}
	fmt.Printf("\nWhy it has that size: kubectl guest-metrics %s\n\n", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, d.plugin, append(args, "--kubeconfig", d.cluster.Kubeconfig())...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("explain the HPA: %w", err)
	}
	fmt.Println("\nWhat is wrong, if anything is: kubectl guest-metrics doctor")
	return nil
}

func (d *demo) epilogue(metric string) string {
	path := fmt.Sprintf("/apis/custom.metrics.k8s.io/v1beta2/namespaces/%s/virtualmachineinstances.kubevirt.io/*/%s", namespace, metric)
	return fmt.Sprintf(`
The cluster runs until Ctrl-C. To look around (kubectl is also at %s):

  export KUBECONFIG=%s PATH=%s:$PATH
  kubectl guest-metrics top pools
  kubectl guest-metrics explain hpa/%s
  kubectl guest-metrics doctor
  kubectl get vmpool,vmi,hpa,vmimetrics
  kubectl get --raw '%s'
  kubectl annotate vmi --overwrite -l %s %s=90   # work for each guest, in percent of its vCPUs

Logs and process ids are in %s.
`, d.cluster.KubectlPath(), d.cluster.Kubeconfig(), filepath.Dir(d.plugin), cpuPool, path, selectorOf(cpuPool), workload.CPUPercent, d.state)
}
