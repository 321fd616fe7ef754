package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"guest-metrics-server/test/fleet/world"
)

// Rounds of scrapes that are waited for.
const (
	settleRounds = 2
	hangRounds   = 3
)

// result is what was measured of one fleet.
type result struct {
	vmis, nodes   int
	ready         time.Duration // From the server's start.
	startCPU      time.Duration
	peakBytes     int64
	cpuPerRound   time.Duration
	fleetPerRound time.Duration // CPU time of the simulated nodes.
	cores         float64
	rssBytes      int64
	metrics       metrics
	missed        float64 // Responses, of those that were due.
	due           float64
	allocPerRound float64
	answers       answers
	queryCPU      time.Duration              // Above that of scraping, for each query.
	hanging       *answers                   // Of nodes that do not hang while others do.
	pages         map[string][]time.Duration // Of vmimetrics, by the form.

	// What other processes of the machine used, which disturbs what is measured.
	foreignCores, foreignCoresInQueries float64
}

func (b *bench) runSize(ctx context.Context, vmis int, largest bool) error {
	progress("%d VMIs: starting.", vmis)
	f, err := b.startFleet(ctx, vmis)
	defer f.stop()
	if err != nil {
		return err
	}
	s, err := b.startServer(ctx, f)
	if err != nil {
		return err
	}
	started := make(chan error, 1)
	if largest {
		go func() { started <- s.profile(ctx, "profile?seconds=30", "start.pprof") }()
	} else {
		started <- nil
	}
	r := &result{vmis: vmis, nodes: f.Nodes()}
	b.report.results = append(b.report.results, r)
	if r.ready, err = s.awaitReady(ctx); err != nil {
		return err
	}
	atReady, err := usageOf(s.pid)
	if err := errors.Join(err, <-started); err != nil {
		return err
	}
	r.startCPU, r.peakBytes = atReady.cpu, atReady.peakBytes
	progress("%d VMIs: ready after %.1f s.", vmis, r.ready.Seconds())
	if err := pause(ctx, settleRounds*b.interval); err != nil { // Until windows are full, and garbage of the start is gone.
		return err
	}
	if err := b.measureRounds(ctx, f, s, r, largest); err != nil {
		return err
	}
	if err := b.measureQueries(ctx, f, s, r); err != nil {
		return err
	}
	if b.server == "" { // Others may not have the API.
		if r.pages, err = readPages(ctx, s); err != nil {
			return err
		}
	}
	if slices.Contains(b.peerVMIs, vmis) {
		if err := b.measurePeer(ctx, f, s); err != nil {
			return err
		}
	}
	if largest && b.hangEvery > 0 {
		return b.measureHanging(ctx, f, s, r)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// measureRounds measures scraping alone.
func (b *bench) measureRounds(ctx context.Context, f *fleet, s *server, r *result, profiled bool) error {
	before, err := b.look(ctx, f, s)
	if err != nil {
		return err
	}
	span := time.Duration(b.rounds) * b.interval
	profile := make(chan error, 1)
	if profiled {
		go func() {
			profile <- s.profile(ctx, fmt.Sprintf("profile?seconds=%d", int(span.Seconds())-1), "cpu.pprof")
		}()
	} else {
		profile <- nil
	}
	if err := pause(ctx, time.Until(before.at.Add(span))); err != nil {
		return err
	}
	after, err := b.look(ctx, f, s)
	if err := errors.Join(err, <-profile); err != nil {
		return err
	}
	rounds := after.at.Sub(before.at).Seconds() / b.interval.Seconds()
	r.cpuPerRound = time.Duration(float64(after.server.cpu-before.server.cpu) / rounds)
	r.fleetPerRound = time.Duration(float64(after.handlers.cpu-before.handlers.cpu) / rounds)
	r.foreignCores = after.foreignCores(before)
	r.cores = r.cpuPerRound.Seconds() / b.interval.Seconds()
	r.rssBytes, r.metrics = after.server.rssBytes, after.metrics
	r.due = float64(b.rounds * r.nodes)
	r.missed = r.due - (after.metrics.scraped - before.metrics.scraped)
	r.allocPerRound = (after.metrics.allocatedBytes - before.metrics.allocatedBytes) / rounds
	progress("%d VMIs: %.2f s of CPU for each round, %d MiB resident.", r.vmis, r.cpuPerRound.Seconds(), r.rssBytes>>20)
	if profiled {
		return s.profile(ctx, "heap?gc=1", "heap.pprof")
	}
	return nil
}

// look is what there is to see at a moment.
type look struct {
	at               time.Time
	server, handlers usage
	metrics          metrics
	foreign          time.Duration
}

// foreignCores returns what others used since an earlier look.
func (l look) foreignCores(before look) float64 {
	return (l.foreign - before.foreign).Seconds() / l.at.Sub(before.at).Seconds()
}

func (b *bench) look(ctx context.Context, f *fleet, s *server) (look, error) {
	l := look{at: time.Now()}
	var err1, err2, err3, err4 error
	l.server, err1 = usageOf(s.pid)
	l.handlers, err2 = usageOf(f.handlers.Process.Pid)
	l.metrics, err3 = s.metrics(ctx)
	l.foreign, err4 = f.foreignCPU()
	return l, errors.Join(err1, err2, err3, err4, f.check())
}

func (b *bench) measureQueries(ctx context.Context, f *fleet, s *server, r *result) error {
	before, err := b.look(ctx, f, s)
	if err != nil {
		return err
	}
	profile := make(chan error, 1)
	go func() {
		profile <- s.profile(ctx, fmt.Sprintf("profile?seconds=%d", max(1, int(b.queryTime.Seconds())-1)), "queries.pprof")
	}()
	r.answers, err = b.query(ctx, f, s, func(world.VMI) bool { return true })
	if err := errors.Join(err, <-profile); err != nil {
		return err
	}
	after, err := b.look(ctx, f, s)
	if err != nil {
		return err
	}
	r.foreignCoresInQueries = after.foreignCores(before)
	scraping := time.Duration(r.cores * float64(after.at.Sub(before.at)))
	if n := r.answers.count(); n > 0 {
		r.queryCPU = max(0, after.server.cpu-before.server.cpu-scraping) / time.Duration(n)
	}
	return nil
}

func (a *answers) count() int {
	n := 0
	for _, l := range a.latencies {
		n += len(l)
	}
	return n
}

// measureHanging lets some nodes hang, and looks at the others.
func (b *bench) measureHanging(ctx context.Context, f *fleet, s *server, r *result) error {
	progress("%d VMIs: one node in %d hangs.", r.vmis, b.hangEvery)
	if err := f.hang(ctx, b.hangEvery); err != nil {
		return err
	}
	if err := pause(ctx, hangRounds*b.interval); err != nil {
		return err
	}
	a, err := b.query(ctx, f, s, func(v world.VMI) bool { return v.Node%b.hangEvery != b.hangEvery-1 })
	r.hanging = &a
	return err
}
