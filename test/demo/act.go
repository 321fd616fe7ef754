package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

const (
	startSize  = 2 // Of every pool, and the least that its HPA keeps.
	actTimeout = 5 * time.Minute
)

// act is a pool that grows with its guests' load and shrinks, and how to show it.
type act struct {
	title    string
	truth    string // What of it is real, and what is not.
	manifest string
	pool     string // Also the name of its HPA.
	metric   string
	unit     string  // Of the metric, for people.
	full     float64 // What fills a guest's bar, in this unit.
	load     load
	steps    []step
}

// load is what keeps an act's guests busy.
type load interface {
	// Set changes the amount, of all guests together.
	Set(amount float64)

	// Guests returns the pool's guests with what each does.
	Guests(ctx context.Context) ([]guest, error)
}

// step is an amount of load until something is seen.
type step struct {
	title  string
	amount float64
	done   func(observation) bool
}

// peak returns the largest amount of load.
func (a act) peak() float64 {
	amount := 0.0
	for _, s := range a.steps {
		amount = max(amount, s.amount)
	}
	return amount
}

// selectorOf returns the selector of a pool's guests, which is the same in all
// examples.
func selectorOf(pool string) string { return "kubevirt.io/vmpool=" + pool }

// start runs something beside the story until stop is called.
func (d *demo) start(ctx context.Context, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		if err := run(ctx); err != nil {
			d.fail(err)
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// fail takes down what failed beside the story.
func (d *demo) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = errors.Join(d.err, err)
}

func (d *demo) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// play applies an act's pool, runs the story and shows it.
func (d *demo) play(ctx context.Context, a act) error {
	ctx, cancel := context.WithTimeout(ctx, actTimeout)
	defer cancel()
	fmt.Printf("Applying the pool and its HPA (%s: manifests/fedora-nginx-pool, with windows of seconds).\n", a.manifest)
	if _, err := d.cluster.Kubectl(ctx, nil, "apply", "--server-side", "-k", a.manifest); err != nil {
		return err
	}
	show := newPlainView(os.Stdout, a).show
	if d.interactive {
		show = newLiveView(os.Stdout, a).show
	}
	grown := 0
	for _, s := range a.steps {
		a.load.Set(s.amount)
		most, err := d.until(ctx, a, s, show)
		if err != nil {
			return fmt.Errorf("during %q: %w", s.title, err)
		}
		grown = max(grown, most)
	}
	fmt.Printf("\nThe pool %s went from %d to %d virtual machines and back to %d.\n", a.pool, startSize, grown, startSize)
	return nil
}

// until observes and shows once a second until the step is done. It returns the
// most replicas that it saw.
func (d *demo) until(ctx context.Context, a act, s step, show func(observation)) (most int, err error) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		if err := errors.Join(d.cluster.Check(), d.failure()); err != nil {
			return most, err
		}
		o, err := d.observe(ctx, a, s)
		if err != nil {
			return most, err
		}
		show(o)
		most = max(most, o.replicas)
		if s.done(o) {
			return most, nil
		}
		select {
		case <-ctx.Done():
			return most, ctx.Err()
		case <-ticker.C:
		}
	}
}
