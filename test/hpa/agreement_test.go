package hpa

import (
	"context"
	"flag"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	utilversion "k8s.io/apimachinery/pkg/util/version"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/features"

	"guest-metrics-server/pkg/hpa"
	"guest-metrics-server/test/hpajudge"
)

var (
	lives = flag.Int("lives", 1500, "number of HPAs to let live")
	seed  = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of all that is drawn")
)

// syncs are the states of one life: of one HPA, and one controller with its memory.
const syncs = 40

// TestAgreesWithKubernetes runs Kubernetes' controller and pkg/hpa beside each
// other, in a bubble of virtual time for each life of an HPA. What the controller
// remembers is thus its own, and times fall on the ends of its windows exactly.
//
// A life draws a release with its feature gates, the controller's flags, and an HPA:
// its limits, one to three metrics of all sources and targets, a behavior or none.
// A state draws the pods (phase, start, readiness, deletion, requests, of a number
// that need not be the replicas), the metrics' answers around their targets (with
// errors, missing and surplus pods, 0, negative and huge values), a change by hand
// of the HPA or of the replicas, and the time to the next one. Compared are the
// replicas, the highest proposal before any limit, the values in the HPA's status,
// and the reasons of its conditions.
func TestAgreesWithKubernetes(t *testing.T) {
	// They would print every invalid metric, and sleep until a clock of 2000 has
	// come to the time of this process' start.
	utilruntime.ErrorHandlers = nil
	klog.SetLogger(logr.Discard())
	t.Logf("%d lives of %d states; again with -seed=%d", *lives, syncs, *seed)
	seen := hpajudge.NewTally()
	for i := range *lives {
		d := draw{rand.New(rand.NewPCG(*seed, uint64(i)))}
		synctest.Test(t, func(t *testing.T) { live(t, d, &seen) })
		if t.Failed() {
			t.Fatalf("life %d differs", i)
		}
	}
	ofPods := []hpa.Outcome{hpajudge.Invalid, hpa.Scaled, hpa.WithinTolerance, hpa.ScaledAdjusted, hpa.AdjustedWithinTolerance, hpa.DirectionChanged, hpa.ReplicasAgainstRatio}
	ofValues := []hpa.Outcome{hpajudge.Invalid, hpa.Scaled, hpa.WithinTolerance, hpa.FromZero}
	seen.Check(t, append([]hpa.Rule{hpa.MinimumFromZero}, hpajudge.UsualRules...), map[hpa.Source][]hpa.Outcome{
		hpa.Pods: ofPods, hpa.Resource: ofPods, hpa.ContainerResource: ofPods, hpa.Object: ofValues, hpa.External: ofValues,
	})
}

// live lets one HPA live.
func live(t *testing.T, d draw, seen *hpajudge.Tally) {
	minor := pick(d, 34, 36, 37, 37, 38)
	emulate(t, minor)
	flags := d.flags(minor)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := newWorld(ctx, flags)
	spec := d.spec()
	var memory hpa.Memory
	replicas := max(1, spec.MinReplicas)
	for range syncs {
		spec = d.change(spec, replicas)
		state, pods := d.state(spec, flags, replicas)
		if err := w.apply(toSpec(spec), state, pods); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		decision := flags.Sync(spec, state, &memory)
		if diff := cmp.Diff(observe(w), expect(state, decision, memory)); diff != "" {
			t.Fatalf("Kubernetes 1.%d -, pkg/hpa +:\n%s\n%+v\n%+v\n%+v\n%+v\n%+v", minor, diff, flags, spec, state, decision, memory)
		}
		seen.Count(spec, decision)
		replicas = decision.Replicas
		time.Sleep(d.later())
	}
}

// emulate sets the feature gates as a release does, and checks that pkg/hpa knows
// them. 1.38 has those of 1.37, the newest that can be had.
func emulate(t *testing.T, minor int) {
	t.Helper()
	version := utilversion.MajorMinor(1, uint(min(minor, 37)))
	if err := utilfeature.DefaultMutableFeatureGate.SetEmulationVersion(version); err != nil {
		t.Fatal(err)
	}
	flags := hpa.ForKubernetes(minor)
	got := map[string]bool{
		string(features.HPAScaleToZero):           flags.ScaleToZero,
		string(features.HPAConfigurableTolerance): flags.ConfigurableTolerance,
	}
	want := map[string]bool{
		string(features.HPAScaleToZero):           utilfeature.DefaultFeatureGate.Enabled(features.HPAScaleToZero),
		string(features.HPAConfigurableTolerance): utilfeature.DefaultFeatureGate.Enabled(features.HPAConfigurableTolerance),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("feature gates of 1.%d (-Kubernetes +pkg/hpa):\n%s", minor, diff)
	}
}
