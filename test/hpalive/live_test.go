//go:build e2e

package hpalive

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"guest-metrics-server/pkg/hpa"
	"guest-metrics-server/pkg/hpa/autoscaling"
	"guest-metrics-server/test/hpajudge"
)

var (
	count = flag.Int("hpas", 250, "number of HPAs")
	seed  = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of all that is drawn")
)

// TestAgreesWithTheLiveController compares what the controller writes to the status
// of HPAs, and to their targets, with what pkg/hpa decides on the same objects and
// metrics.
//
// For each HPA are drawn its limits, one to three metrics of all sources and
// targets, a behavior or none; its target's replicas and pods (phase, start,
// readiness, deletion, requests, of a number that need not be the replicas); and
// twice what its metrics answer, around their targets, with errors, missing and
// surplus pods, and values of 0 and below. All is made before the HPA, and stays as
// it is but for the replicas, which the controller changes, until nothing changes
// any more. Then the metrics answer otherwise, between two syncs. So each sync's
// input is known, and each change of a status is compared, in its order.
func TestAgreesWithTheLiveController(t *testing.T) {
	t.Logf("%d HPAs; again with -seed=%d", *count, *seed)
	const namespace = "hpalive"
	kubectl(t, "create", "namespace", namespace)
	wants, apis := drawAll()
	w := world{client: kubeClient(t), namespace: namespace}
	apis.serve(t, namespace)
	history := w.watch(t)

	w.each(t, wants, w.createTarget)
	w.awaitPods(t, apis)
	inputs := make(map[string]input)
	var mu sync.Mutex
	explained := newExplanations(t)
	w.each(t, wants, func(ctx context.Context, d drawn) error {
		in, err := w.createHPA(ctx, d)
		if err != nil {
			return err
		}
		mu.Lock()
		inputs[d.name] = in
		mu.Unlock()
		return explained.begin(ctx, namespace, d.name, d.replicas)
	})

	expectations := make(map[string]expected)
	seen := hpajudge.NewTally()
	for _, d := range wants {
		e, ok := inputs[d.name].expect(time.Now().Truncate(time.Second))
		if !ok {
			t.Fatalf("%s: the objects in the API are not those that were drawn", d.name)
		}
		expectations[d.name] = e
		for _, decision := range e.judged {
			seen.Count(inputs[d.name].spec, decision)
		}
	}
	for phase := range 2 {
		began := time.Now()
		if phase > 0 {
			apis.change()
		}
		awaitRest(t, phase, began, wants, expectations, history, apis)
		t.Logf("phase %d: at rest after %.0f s", phase, time.Since(began).Seconds())
		for _, d := range wants {
			outcomes := history.take(d.name)
			w.compare(t, phase, d, inputs[d.name], expectations[d.name], outcomes)
			if phase == 0 {
				explained.compareFresh(t, d.name, outcomes[0])
			}
		}
		t.Logf("phase %d: at rest, explain names the replicas of %d of %d HPAs", phase, explained.compareAtRest(t, w, wants), len(wants))
	}
	if t.Logf("explain named the replicas of %d first syncs", len(explained.fresh)); len(explained.fresh) < 200 && *count >= 250 {
		t.Errorf("explain was asked before the first sync of only %d HPAs", len(explained.fresh))
	}
	if seen.Decisions < 200 {
		t.Errorf("only %d decisions were compared", seen.Decisions)
	}
	of := []hpa.Outcome{hpajudge.Invalid, hpa.Scaled, hpa.WithinTolerance}
	seen.Check(t, hpajudge.UsualRules, map[hpa.Source][]hpa.Outcome{ // The rare ones are left to test/hpa.
		hpa.Pods: of, hpa.Object: of, hpa.External: of, hpa.Resource: of, hpa.ContainerResource: of,
	})
}

// drawAll draws HPAs that come to rest soon.
func drawAll() ([]drawn, *metricsAPIs) {
	d := draw{rand.New(rand.NewPCG(*seed, 0)), time.Now().Truncate(time.Second)}
	apis := &metricsAPIs{hpas: make(map[string]*answers)}
	var all []drawn
	for len(all) < *count {
		one := d.hpa(fmt.Sprintf("web-%d", len(all)))
		spec, err := autoscaling.Spec(one.spec)
		if err != nil {
			panic(err) // What is drawn is valid, or the API server could not take it.
		}
		if _, ok := one.input(spec, one.pods).expect(d.now); ok {
			all = append(all, one)
			apis.hpas[one.name] = &answers{metrics: one.spec.Metrics, phases: one.phases}
		}
	}
	return all, apis
}

// input has the phases' readings as drawn, and the objects as given.
func (d drawn) input(spec hpa.Spec, pods []*corev1.Pod) input {
	in := input{spec: spec, replicas: d.replicas, statusReplicas: d.statusReplicas, phases: d.phases}
	for _, pod := range pods {
		in.pods = append(in.pods, autoscaling.Pod(pod))
	}
	return in
}

// awaitRest waits until every HPA has a status that has not changed for a while,
// though the controller went on to sync.
func awaitRest(t *testing.T, phase int, began time.Time, wants []drawn, expectations map[string]expected, history *history, apis *metricsAPIs) {
	t.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(t.Context(), 500*time.Millisecond, 5*time.Minute, true, func(context.Context) (bool, error) {
		last = ""
		for _, d := range wants {
			changed, ok := history.changed(d.name)
			if changed.Before(began) {
				changed = began
			}
			switch {
			case !ok:
				last = d.name + " has no status"
			case time.Since(changed) < rest:
				last = d.name + " has just changed"
			// The first of these two has ended, or the second would not have begun.
			case expectations[d.name].reads[phase] && apis.syncsSince(d.name, changed.Add(rest)) < 2:
				last = d.name + " waits for two more syncs"
			}
		}
		return last == "", cluster.Check()
	})
	if err != nil {
		t.Fatalf("the HPAs do not come to rest: %s (%v)", last, err)
	}
}

func (w world) compare(t *testing.T, phase int, d drawn, in input, want expected, got []outcome) {
	t.Helper()
	target, err := w.client.AppsV1().ReplicaSets(w.namespace).Get(t.Context(), d.name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	diff := cmp.Diff(got, want.outcomes[phase])
	if diff == "" && *target.Spec.Replicas != want.replicas[phase] {
		diff = fmt.Sprintf("the target has %d replicas, pkg/hpa wants %d", *target.Spec.Replicas, want.replicas[phase])
	}
	if diff != "" {
		t.Errorf("%s, phase %d: the controller -, pkg/hpa +:\n%s\n%+v", d.name, phase, diff, in)
	}
}
