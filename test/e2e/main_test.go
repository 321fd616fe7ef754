//go:build e2e

// Package e2e tests the server as users meet it: behind a real kube-apiserver,
// asked by the real HPA controller and by kubectl, for VMIs that KubeVirt's own
// controllers made and KubeVirt's own exporter reports. See package local for
// what the cluster is made of and what of it is faked.
package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"guest-metrics-server/test/local"
)

// The server's times in these tests: shorter than in production, and a multiple of
// the 3.25 s for which launchers cache their values, as there. Nobody else scrapes
// these launchers, so that it need not be an odd one.
const (
	scrapeInterval = 6500 * time.Millisecond
	rateWindow     = 3 * scrapeInterval
	maxSampleAge   = 4 * scrapeInterval
	warmup         = 3 * time.Second
)

var (
	cluster      *local.Cluster
	serverBinary string
)

func TestMain(m *testing.M) {
	if path := os.Getenv(floodVariable); path != "" {
		if err := runFlood(path); err != nil {
			fmt.Fprintln(os.Stderr, "flood:", err)
			os.Exit(1)
		}
		return
	}
	// The tests wait and hardly compute: the default, the number of CPUs, would
	// let most of them wait for each other.
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	state, err := os.MkdirTemp("", "gms-e2e-")
	if err != nil {
		return 1, err
	}
	serverBinary, err = local.BuildServer(ctx, state, os.Stderr)
	if err != nil {
		return 1, err
	}
	cluster, err = local.Start(ctx, local.Options{StateDir: filepath.Join(state, "cluster"), Progress: os.Stderr})
	if err != nil {
		return 1, err
	}
	defer func() {
		err = errors.Join(err, cluster.Stop())
		if code == 0 && err == nil {
			err = os.RemoveAll(state)
		} else {
			fmt.Fprintln(os.Stderr, "e2e: the logs are in", state)
		}
	}()
	if err := os.Setenv("POD_NAME", oneReplica); err != nil { // As a pod has it.
		return 1, err
	}
	if err := cluster.StartServer(ctx, serverBinary, serverFlags()...); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

func serverFlags() []string {
	return []string{
		fmt.Sprintf("--scrape-interval=%s", scrapeInterval),
		fmt.Sprintf("--guest-scrape-interval=%s", scrapeInterval),
		fmt.Sprintf("--rate-window=%s", rateWindow),
		fmt.Sprintf("--max-sample-age=%s", maxSampleAge),
		fmt.Sprintf("--warmup=%s", warmup),
		fmt.Sprintf("--warmup-with-probe=%s", warmup),
		"-v=2",
	}
}
