//go:build e2e

package hpalive

import (
	"time"

	"github.com/google/go-cmp/cmp"

	"guest-metrics-server/pkg/hpa"
)

// input is what pkg/hpa is given of an HPA and its target. The readings are those of
// one phase after the other.
type input struct {
	spec                     hpa.Spec
	pods                     []hpa.Pod
	replicas, statusReplicas int32
	phases                   [2][]hpa.Reading
}

// expected is what pkg/hpa decides.
type expected struct {
	outcomes [2][]outcome   // of each phase; a repetition is left out, as the controller writes a status only once
	judged   []hpa.Decision // the first of each phase, and those that changed the status
	reads    [2]bool        // whether metrics are read at the end of the phase
	replicas [2]int32       // of the target at the end of the phase
}

const (
	// rest is how long nothing must change for an HPA to be at rest: longer than
	// the only window that ends, the controller's for scaling down.
	rest        = downscaleStabilization + 2*time.Second
	mostChanges = 6 // in a phase; more would take the test too long
)

// expect lets pkg/hpa sync once a period, each phase until it is at rest. It
// reports whether that comes soon enough for the test.
func (in input) expect(now time.Time) (e expected, ok bool) {
	var memory hpa.Memory
	var last outcome
	replicas := in.replicas
	for phase, readings := range in.phases {
		began, changed := now, now
		for ; now.Sub(changed) < rest; now = now.Add(syncPeriod) {
			state := hpa.State{Now: now, SpecReplicas: replicas, StatusReplicas: in.statusReplicas, Pods: in.pods, Readings: readings}
			decision := controller().Sync(in.spec, state, &memory)
			next := last.after(in.spec, replicas, decision, memory)
			e.reads[phase] = len(decision.Proposals) > 0
			differs := !cmp.Equal(next, last)
			if differs {
				e.outcomes[phase] = append(e.outcomes[phase], next)
				changed = now
			}
			if differs || now.Equal(began) {
				e.judged = append(e.judged, decision)
			}
			if len(e.outcomes[phase]) > mostChanges {
				return e, false
			}
			last, replicas = next, decision.Replicas
		}
		e.replicas[phase] = replicas
	}
	return e, true
}

// controller is Kubernetes' with the flags of main_test.go.
func controller() hpa.Controller {
	c := hpa.ForKubernetes(37)
	c.DownscaleStabilization = downscaleStabilization
	c.CPUInitializationPeriod = cpuInitializationPeriod
	c.InitialReadinessDelay = initialReadinessDelay
	return c
}
