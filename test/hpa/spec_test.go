package hpa

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	autoscalingdefaults "k8s.io/kubernetes/pkg/apis/autoscaling/v2"

	"guest-metrics-server/pkg/hpa"
	"guest-metrics-server/pkg/hpa/autoscaling"
)

// TestConvertedSpecs converts what is drawn to autoscaling/v2 and back.
func TestConvertedSpecs(t *testing.T) {
	t.Logf("again with -seed=%d", *seed)
	d := draw{rand.New(rand.NewPCG(*seed, 0))}
	for range 1000 {
		want := d.spec()
		if want.MinReplicas == 0 { // An HPA of pods alone is refused then.
			want.Metrics = append(want.Metrics, hpa.Metric{Source: hpa.External, Name: "any", TargetType: hpa.Value, TargetMilli: 1})
		}
		got, err := autoscaling.Spec(toSpec(want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
}

// TestConvertedDefaults leaves out what an HPA can leave out, and compares with
// what the API server makes of that.
func TestConvertedDefaults(t *testing.T) {
	window, policy := int32(30), autoscalingv2.MinChangePolicySelect
	for name, spec := range map[string]autoscalingv2.HorizontalPodAutoscalerSpec{
		"all":                     {MaxReplicas: 3},
		"the rules of a behavior": {MaxReplicas: 3, Behavior: &autoscalingv2.HorizontalPodAutoscalerBehavior{}},
		"parts of the rules": {MaxReplicas: 3, Behavior: &autoscalingv2.HorizontalPodAutoscalerBehavior{
			ScaleUp:   &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: &window},
			ScaleDown: &autoscalingv2.HPAScalingRules{SelectPolicy: &policy},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := autoscaling.Spec(spec)
			if err != nil {
				t.Fatal(err)
			}
			filled := &autoscalingv2.HorizontalPodAutoscaler{Spec: *spec.DeepCopy()}
			autoscalingdefaults.SetDefaults_HorizontalPodAutoscaler(filled)
			want, err := autoscaling.Spec(filled.Spec)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("as the API server fills it in -, as Spec does +:\n%s", diff)
			}
		})
	}
}
