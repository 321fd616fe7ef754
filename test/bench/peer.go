package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"guest-metrics-server/test/debian"
	"guest-metrics-server/test/fleet/world"
)

// Rounds of scrapes that Prometheus makes, before it is measured and while it is.
const (
	peerSettleRounds = 5
	peerRounds       = 3
)

// peerResult is a comparison with Prometheus on the same fleet.
type peerResult struct {
	vmis, nodes      int
	ours, prometheus peerUsage
	scrapedFor       time.Duration
}

// peerUsage is what one of them uses.
type peerUsage struct {
	cpuPerRound time.Duration
	rssBytes    int64
}

// runPeer compares with a fleet of its own.
func (b *bench) runPeer(ctx context.Context, vmis int) error {
	f, err := b.startFleet(ctx, vmis)
	defer f.stop()
	if err != nil {
		return err
	}
	s, err := b.startServer(ctx, f)
	if err != nil {
		return err
	}
	return b.measurePeer(ctx, f, s)
}

// measurePeer lets Prometheus scrape the fleet beside the server, and stops it
// again.
func (b *bench) measurePeer(ctx context.Context, f *fleet, s *server) error {
	progress("%d VMIs: Prometheus scrapes as well.", f.VMIs)
	started := time.Now()
	prometheus, err := b.startPrometheus(ctx, f)
	if err != nil {
		return err
	}
	defer f.stopLast()
	if _, err := s.awaitReady(ctx); err != nil {
		return err
	}
	// Prometheus has then seen all series for some time.
	if err := pause(ctx, time.Until(started.Add(peerSettleRounds*b.interval))); err != nil {
		return err
	}
	r := &peerResult{vmis: f.VMIs, nodes: f.Nodes()}
	b.report.peers = append(b.report.peers, r)
	pids := map[int]*peerUsage{s.pid: &r.ours, prometheus.Process.Pid: &r.prometheus}
	before := make(map[int]usage)
	for pid := range pids {
		if before[pid], err = usageOf(pid); err != nil {
			return err
		}
	}
	if err := pause(ctx, peerRounds*b.interval); err != nil {
		return err
	}
	for pid, used := range pids {
		after, err := usageOf(pid)
		if err != nil {
			return err
		}
		used.cpuPerRound = (after.cpu - before[pid].cpu) / peerRounds
		used.rssBytes = after.rssBytes
	}
	r.scrapedFor = time.Since(started)
	return f.check()
}

func (b *bench) startPrometheus(ctx context.Context, f *fleet) (*exec.Cmd, error) {
	var targets []string
	for node := range f.Nodes() {
		targets = append(targets, fmt.Sprintf("'%s:%d'", world.NodeIP(node), world.MetricsPort))
	}
	config := fmt.Sprintf(`global: {scrape_interval: %[1]dms, scrape_timeout: %[1]dms}
scrape_configs:
- job_name: virt-handler
  scheme: https
  tls_config: {ca_file: %[2]s, server_name: virt-handler.%[3]s.svc}
  static_configs: [{targets: [%[4]s]}]
`, b.interval.Milliseconds(), f.caFile(), world.KubeVirtNamespace, strings.Join(targets, ", "))
	configFile, data := filepath.Join(f.dir, "prometheus.yml"), filepath.Join(f.dir, "prometheus")
	if err := errors.Join(os.WriteFile(configFile, []byte(config), 0o644), os.MkdirAll(data, 0o755)); err != nil {
		return nil, err
	}
	args := []string{"--config.file=" + configFile, "--storage.tsdb.path=" + data, "--web.listen-address=127.0.0.1:18490"}
	cmd, err := b.prometheusCommand(ctx, args)
	if err != nil {
		return nil, err
	}
	return cmd, f.start(ctx, "prometheus", cmd, filepath.Join(data, "wal"))
}

func (b *bench) prometheusCommand(ctx context.Context, args []string) (*exec.Cmd, error) {
	if b.prometheus != "" {
		return exec.CommandContext(ctx, b.prometheus, args...), nil
	}
	root, err := debian.Unpack(ctx, progress, "prometheus", "prometheus")
	if err != nil {
		return nil, err
	}
	return root.Command(ctx, "usr/bin/prometheus", args...), nil
}
