package autoscaling

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"guest-metrics-server/pkg/hpa"
)

func specOf(t *testing.T, text string) autoscalingv2.HorizontalPodAutoscalerSpec {
	t.Helper()
	var spec autoscalingv2.HorizontalPodAutoscalerSpec
	if err := yaml.UnmarshalStrict([]byte(text), &spec); err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestSpec(t *testing.T) {
	tests := map[string]struct {
		yaml string
		want hpa.Spec
	}{
		"all that can be left out": {
			yaml: `{maxReplicas: 3}`,
			want: hpa.Spec{MinReplicas: 1, MaxReplicas: 3, Metrics: []hpa.Metric{
				{Source: hpa.Resource, Name: hpa.CPU, TargetType: hpa.Utilization, TargetPercent: 80},
			}},
		},
		"metrics of all sources": {
			yaml: `
minReplicas: 0
maxReplicas: 10
metrics:
- {type: Pods, pods: {metric: {name: load}, target: {type: AverageValue, averageValue: 500m}}}
- {type: Object, object: {metric: {name: sum}, target: {type: AverageValue, averageValue: "50"}}}
- {type: Object, object: {metric: {name: mean}, target: {type: Value, value: 1k}}}
- {type: External, external: {metric: {name: queue}, target: {type: Value, value: "7"}}}
- {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}
- {type: ContainerResource, containerResource: {name: memory, container: main, target: {type: AverageValue, averageValue: 1Ki}}}`,
			want: hpa.Spec{MinReplicas: 0, MaxReplicas: 10, Metrics: []hpa.Metric{
				{Source: hpa.Pods, Name: "load", TargetType: hpa.AverageValue, TargetMilli: 500},
				{Source: hpa.Object, Name: "sum", TargetType: hpa.AverageValue, TargetMilli: 50_000},
				{Source: hpa.Object, Name: "mean", TargetType: hpa.Value, TargetMilli: 1_000_000},
				{Source: hpa.External, Name: "queue", TargetType: hpa.Value, TargetMilli: 7_000},
				{Source: hpa.Resource, Name: "cpu", TargetType: hpa.Utilization, TargetPercent: 80},
				{Source: hpa.ContainerResource, Name: "memory", TargetType: hpa.AverageValue, TargetMilli: 1_024_000},
			}},
		},
		"an average value counts whatever the type, but not of an Object": {
			yaml: `
maxReplicas: 1
metrics:
- {type: Pods, pods: {metric: {name: load}, target: {type: Value, value: "9", averageValue: "5"}}}
- {type: External, external: {metric: {name: queue}, target: {type: Value, value: "9", averageValue: "5"}}}
- {type: Object, object: {metric: {name: mean}, target: {type: Value, value: "9", averageValue: "5"}}}`,
			want: hpa.Spec{MinReplicas: 1, MaxReplicas: 1, Metrics: []hpa.Metric{
				{Source: hpa.Pods, Name: "load", TargetType: hpa.AverageValue, TargetMilli: 5_000},
				{Source: hpa.External, Name: "queue", TargetType: hpa.AverageValue, TargetMilli: 5_000},
				{Source: hpa.Object, Name: "mean", TargetType: hpa.Value, TargetMilli: 9_000},
			}},
		},
		"an empty behavior has the defaults": {
			yaml: `{maxReplicas: 3, behavior: {}}`,
			want: hpa.Spec{MinReplicas: 1, MaxReplicas: 3,
				Metrics:  []hpa.Metric{{Source: hpa.Resource, Name: hpa.CPU, TargetType: hpa.Utilization, TargetPercent: 80}},
				Behavior: &hpa.Behavior{ScaleUp: hpa.DefaultScaleUp(), ScaleDown: hpa.DefaultScaleDown()},
			},
		},
		"what a behavior names replaces the default": {
			yaml: `
maxReplicas: 3
behavior:
  scaleUp: {stabilizationWindowSeconds: 30, tolerance: 50m}
  scaleDown: {selectPolicy: Min, policies: [{type: Pods, value: 1, periodSeconds: 60}, {type: Percent, value: 10, periodSeconds: 90}]}`,
			want: hpa.Spec{MinReplicas: 1, MaxReplicas: 3,
				Metrics: []hpa.Metric{{Source: hpa.Resource, Name: hpa.CPU, TargetType: hpa.Utilization, TargetPercent: 80}},
				Behavior: &hpa.Behavior{
					ScaleUp: hpa.Rules{
						StabilizationWindow: new(30 * time.Second), Tolerance: new(0.05),
						SelectPolicy: hpa.DefaultScaleUp().SelectPolicy, Policies: hpa.DefaultScaleUp().Policies,
					},
					ScaleDown: hpa.Rules{SelectPolicy: hpa.MinChange, Policies: []hpa.Policy{
						{Type: hpa.PodsPolicy, Value: 1, Period: time.Minute}, {Type: hpa.PercentPolicy, Value: 10, Period: 90 * time.Second},
					}},
				},
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Spec(specOf(t, test.yaml))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSpecErrors(t *testing.T) {
	tests := map[string]struct{ yaml, want string }{
		"no maximum":            {`{}`, `[spec.maxReplicas: Invalid value: 0: must be above 0, spec.minReplicas: Invalid value: 1: must not be above maxReplicas]`},
		"negative minimum":      {`{minReplicas: -1, maxReplicas: 1}`, `spec.minReplicas: Invalid value: -1: must not be negative`},
		"zero on pods only":     {`{minReplicas: 0, maxReplicas: 1}`, `spec.minReplicas: Invalid value: 0: 0 takes an Object or External metric`},
		"unknown source":        {`{maxReplicas: 1, metrics: [{type: Podz}]}`, `spec.metrics[0].type: Unsupported value: "Podz": supported values: "Pods", "Object", "External", "Resource", "ContainerResource"`},
		"source without a part": {`{maxReplicas: 1, metrics: [{type: Pods}]}`, `spec.metrics[0].pods: Required value: a metric of type Pods has it`},
		"pods by value":         {`{maxReplicas: 1, metrics: [{type: Pods, pods: {metric: {name: m}, target: {type: Value, value: "1"}}}]}`, `spec.metrics[0].pods.target: Required value: a metric of type Pods takes averageValue`},
		"object of two minds":   {`{maxReplicas: 1, metrics: [{type: Object, object: {metric: {name: m}, target: {type: Value, averageValue: "1"}}}]}`, `spec.metrics[0].object.target: Required value: a metric of type Object takes value or averageValue, with the type of that name`},
		"resource by value":     {`{maxReplicas: 1, metrics: [{type: Resource, resource: {name: cpu, target: {type: Value, value: "1"}}}]}`, `spec.metrics[0].resource.target: Required value: a metric of type Resource takes averageUtilization or averageValue`},
		"target of 0":           {`{maxReplicas: 1, metrics: [{type: External, external: {metric: {name: m}, target: {type: Value, value: "0"}}}]}`, `spec.metrics[0].external.target.value: Invalid value: "0": must be above 0`},
		"no policy":             {`{maxReplicas: 1, behavior: {scaleUp: {policies: []}}}`, `spec.behavior.scaleUp.policies: Required value: name at least one, or leave the list out`},
		"a bad policy": {`{maxReplicas: 1, behavior: {scaleDown: {policies: [{type: Pod, value: 0, periodSeconds: 1801}]}}}`,
			`[spec.behavior.scaleDown.policies[0].type: Unsupported value: "Pod": supported values: "Pods", "Percent", spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be above 0, ` +
				`spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: must be from 1 second to half an hour]`},
		"window, policy and tolerance": {`{maxReplicas: 1, behavior: {scaleUp: {stabilizationWindowSeconds: 3601, selectPolicy: max, tolerance: -1m}}}`,
			`[spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be from 0 to an hour, ` +
				`spec.behavior.scaleUp.selectPolicy: Unsupported value: "max": supported values: "Max", "Min", "Disabled", spec.behavior.scaleUp.tolerance: Invalid value: "-1m": must not be negative]`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Spec(specOf(t, test.yaml))
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPod(t *testing.T) {
	started := metav1.NewTime(time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC))
	ready := metav1.NewTime(started.Add(time.Minute))
	tests := map[string]struct {
		pod  corev1.Pod
		want hpa.Pod
	}{
		"new": {corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending}}, hpa.Pod{Phase: hpa.Pending}},
		"ready": {
			corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: "a"},
				Status: corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &started, Conditions: []corev1.PodCondition{
					{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: started},
					{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: ready},
				}},
			},
			hpa.Pod{Name: "a", Phase: hpa.Running, Started: started.Time, Ready: hpa.Ready{Status: hpa.True, Transition: ready.Time}},
		},
		"being deleted": {
			corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &started}, Status: corev1.PodStatus{Phase: corev1.PodRunning}},
			hpa.Pod{Phase: hpa.Running, Deleting: true},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Pod(&test.pod)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
