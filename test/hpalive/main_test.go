//go:build e2e

// Package hpalive holds pkg/hpa against the HPA controller of a running cluster:
// kube-controller-manager with its clients, informers and real time, between a real
// API server and metrics APIs that this test serves. test/hpa compares more states
// in virtual time; here it is shown that nothing is lost on the way from objects to
// the controller's arithmetic, and from there to the HPA's status and the target.
package hpalive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"guest-metrics-server/test/local"
)

// The controller's flags.
const (
	syncPeriod = time.Second
	// On two cores each of so many HPAs is synced about every 5 s. This window must
	// be longer than that, or the interval would change what is decided.
	downscaleStabilization  = 20 * time.Second
	cpuInitializationPeriod = time.Second
	initialReadinessDelay   = time.Second
)

var cluster *local.Cluster

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "hpalive:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	state, err := os.MkdirTemp("", "gms-hpalive-")
	if err != nil {
		return 1, err
	}
	cluster, err = local.Start(ctx, local.Options{
		StateDir: filepath.Join(state, "cluster"),
		Progress: os.Stderr,
		ControllerManagerFlags: []string{
			fmt.Sprintf("--horizontal-pod-autoscaler-sync-period=%s", syncPeriod),
			fmt.Sprintf("--horizontal-pod-autoscaler-downscale-stabilization=%s", downscaleStabilization),
			fmt.Sprintf("--horizontal-pod-autoscaler-cpu-initialization-period=%s", cpuInitializationPeriod),
			fmt.Sprintf("--horizontal-pod-autoscaler-initial-readiness-delay=%s", initialReadinessDelay),
			// Or it would sync no more than 20 HPAs a second.
			"--kube-api-qps=500", "--kube-api-burst=1000",
		},
	})
	if err != nil {
		return 1, err
	}
	defer func() {
		err = errors.Join(err, cluster.Stop())
		if code == 0 && err == nil {
			err = os.RemoveAll(state)
		} else {
			fmt.Fprintln(os.Stderr, "hpalive: the logs are in", state)
		}
	}()
	return m.Run(), nil
}
