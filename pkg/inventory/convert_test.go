package inventory

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// read decodes a file as the API server would send the object.
func read[T any](t *testing.T, file string) *T {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var object T
	if err := yaml.UnmarshalStrict(text, &object); err != nil {
		t.Fatal(err)
	}
	return &object
}

// slim returns what the watch of VMIs would send of a VMI.
func slim(t *testing.T, in *kubevirtv1.VirtualMachineInstance) any {
	t.Helper()
	text, err := json.Marshal(change{"ADDED", in})
	if err != nil {
		t.Fatal(err)
	}
	_, out, err := decodeEvent(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func utc(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestConvertVMI(t *testing.T) {
	want := VMI{
		Meta: Meta{
			Namespace: "shop", Name: "web-0", UID: "2d5ab0cf-7d5e-4c1e-9f57-0a4a3b0f3a11",
			Labels: map[string]string{"app": "web", "kubevirt.io/nodeName": "n1"},
			Owner:  Owner{Name: "web-0", UID: "6f1c8a52-58a4-4b8e-9d0e-1f2a9c6b7d22"},
		},
		Node:            "n1",
		Phase:           "Running",
		Ready:           true,
		Agent:           true,
		RunningSince:    utc(t, "2026-07-01T11:58:09Z"),
		ReadyTransition: utc(t, "2026-07-01T11:58:31Z"),
	}
	for _, test := range []struct {
		name   string
		change func(*kubevirtv1.VirtualMachineInstance)
		expect func(*VMI)
	}{
		{"running, Ready and owned by a VM", func(*kubevirtv1.VirtualMachineInstance) {}, func(*VMI) {}},
		{
			"paused",
			func(in *kubevirtv1.VirtualMachineInstance) {
				in.Status.Conditions = append(in.Status.Conditions, kubevirtv1.VirtualMachineInstanceCondition{
					Type: kubevirtv1.VirtualMachineInstancePaused, Status: corev1.ConditionTrue,
				})
			},
			func(v *VMI) { v.Paused = true },
		},
		{
			"its Ready lost",
			func(in *kubevirtv1.VirtualMachineInstance) { in.Status.Conditions[0].Status = corev1.ConditionFalse },
			func(v *VMI) { v.Ready = false },
		},
		{
			"scheduled only",
			func(in *kubevirtv1.VirtualMachineInstance) {
				in.Status.Phase = kubevirtv1.Scheduled
				in.Status.Conditions = nil
				in.Status.PhaseTransitionTimestamps = in.Status.PhaseTransitionTimestamps[:3]
			},
			func(v *VMI) {
				v.Agent = false
				v.Phase, v.Ready, v.RunningSince, v.ReadyTransition = "Scheduled", false, time.Time{}, time.Time{}
			},
		},
		{
			"being deleted",
			func(in *kubevirtv1.VirtualMachineInstance) { in.DeletionTimestamp = &in.CreationTimestamp },
			func(v *VMI) { v.Deleting = true },
		},
		{
			"owned, but controlled by nobody",
			func(in *kubevirtv1.VirtualMachineInstance) { in.OwnerReferences[0].Controller = nil },
			func(v *VMI) { v.Owner = Owner{} },
		},
		{"with a readiness probe", probedBy(kubevirtv1.Handler{TCPSocket: &corev1.TCPSocketAction{}}), func(v *VMI) { v.Probed = true }},
		{"with a probe of its guest agent only", probedBy(kubevirtv1.Handler{GuestAgentPing: &kubevirtv1.GuestAgentPing{}}), func(*VMI) {}},
		{"with a warm-up of its own", warmupOf("3m"), func(v *VMI) { v.Warmup = new(3 * time.Minute) }},
		{"with its warm-up turned off", warmupOf("0"), func(v *VMI) { v.Warmup = new(time.Duration(0)) }},
		{
			"with a warm-up without a unit", warmupOf("90"),
			func(v *VMI) {
				v.Problems = []Problem{{WarmupAnnotation, `want a duration such as 90s or 3m: time: missing unit in duration "90"`}}
			},
		},
		{
			"with a negative warm-up", warmupOf("-1m"),
			func(v *VMI) {
				v.Problems = []Problem{{WarmupAnnotation, "want a duration such as 90s or 3m: -1m is negative"}}
			},
		},
		{
			"with as long a warm-up as annotations can be", warmupOf(strings.Repeat("1h", 128<<10)),
			func(v *VMI) {
				v.Problems = []Problem{{WarmupAnnotation, `want a duration such as 90s or 3m: "1h1h1h1h1h1h1h1h1h1h" and more, 262144 bytes`}}
			},
		},
	} {
		t.Run("a VMI that is "+test.name, func(t *testing.T) {
			in, want := read[kubevirtv1.VirtualMachineInstance](t, "vmi.yaml"), want
			test.change(in)
			test.expect(&want)
			got, err := convertVMI(slim(t, in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func probedBy(h kubevirtv1.Handler) func(*kubevirtv1.VirtualMachineInstance) {
	return func(in *kubevirtv1.VirtualMachineInstance) { in.Spec.ReadinessProbe = &kubevirtv1.Probe{Handler: h} }
}

func warmupOf(text string) func(*kubevirtv1.VirtualMachineInstance) {
	return func(in *kubevirtv1.VirtualMachineInstance) {
		in.Annotations = map[string]string{"guestmetrics.io/warmup": text}
	}
}

func TestConvertPod(t *testing.T) {
	for _, test := range []struct {
		file string
		want Pod
	}{
		{"launcher-pod.yaml", Pod{
			Meta: Meta{
				Namespace: "shop", Name: "virt-launcher-web-0-x7k2p", UID: "b7a1f0de-0c9e-4f52-8a43-5be0c1d2e333",
				Labels: map[string]string{
					"app": "web", "kubevirt.io": "virt-launcher",
					"kubevirt.io/created-by": "2d5ab0cf-7d5e-4c1e-9f57-0a4a3b0f3a11",
				},
				Owner: Owner{Name: "web-0", UID: "2d5ab0cf-7d5e-4c1e-9f57-0a4a3b0f3a11"},
			},
			Node: "n1", Phase: "Running", IP: "10.244.1.17", Created: utc(t, "2026-07-01T11:58:01Z"),
		}},
		{"virt-handler-pod.yaml", Pod{
			Meta: Meta{
				Namespace: "kubevirt", Name: "virt-handler-4jx9q", UID: "c0ffee00-1111-4222-8333-944455566677",
				Labels: map[string]string{"kubevirt.io": "virt-handler"},
				Owner:  Owner{Name: "virt-handler", UID: "dae30000-1111-4222-8333-944455566688"},
			},
			Node: "n1", Phase: "Running", IP: "10.244.1.3", Port: 8443, Created: utc(t, "2026-06-30T08:00:00Z"),
		}},
	} {
		t.Run(test.file, func(t *testing.T) {
			got, err := ConvertPod(read[corev1.Pod](t, test.file))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
