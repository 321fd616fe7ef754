//go:build e2e

package hpalive

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// history is what the controller wrote to the status of HPAs.
type history struct {
	mu   sync.Mutex
	hpas map[string]*written
}

type written struct {
	outcomes []outcome // not yet taken
	last     outcome
	at       time.Time // of the last change
}

// watch begins to note every version of every HPA.
func (w world) watch(t *testing.T) *history {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	watcher, err := w.client.AutoscalingV2().HorizontalPodAutoscalers(w.namespace).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h := &history{hpas: make(map[string]*written)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for event := range watcher.ResultChan() {
			h.note(event)
		}
		if ctx.Err() == nil {
			t.Error("the watch ended, and the rest of the history is lost")
		}
	}()
	t.Cleanup(func() { cancel(); watcher.Stop(); <-done })
	return h
}

func (h *history) note(event watch.Event) {
	object, ok := event.Object.(*autoscalingv2.HorizontalPodAutoscaler)
	if !ok || len(object.Status.Conditions) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hpas[object.Name] == nil {
		h.hpas[object.Name] = &written{}
	}
	hpa, now := h.hpas[object.Name], observe(object.Status)
	if cmp.Equal(hpa.last, now) {
		return
	}
	hpa.outcomes, hpa.last, hpa.at = append(hpa.outcomes, now), now, time.Now()
}

// changed returns when an HPA's status changed last, if it has one.
func (h *history) changed(name string) (at time.Time, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	hpa, ok := h.hpas[name]
	if !ok {
		return time.Time{}, false
	}
	return hpa.at, true
}

// take returns the outcomes since the last call.
func (h *history) take(name string) []outcome {
	h.mu.Lock()
	defer h.mu.Unlock()
	outcomes := h.hpas[name].outcomes
	h.hpas[name].outcomes = nil
	return outcomes
}
