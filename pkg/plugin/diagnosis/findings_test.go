package diagnosis

import (
	"slices"
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	poolv1beta1 "kubevirt.io/api/pool/v1beta1"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
	"guest-metrics-server/pkg/plugin/findings"
	"guest-metrics-server/pkg/reason"
)

// cases are the faults that show each finding. A name is the code, and after a space
// what is special about the case. What each breaks is all that is wrong.
var cases = map[string]func(t *testing.T, s *Snapshot){
	"GM0001": func(_ *testing.T, s *Snapshot) { s.APIServices.Items = s.APIServices.Items[2:] },
	"GM0002": func(_ *testing.T, s *Snapshot) {
		apiService(s, "v1beta1.custom").Spec.Service = &apiregistrationv1.ServiceReference{Namespace: "monitoring", Name: "prometheus-adapter"}
	},
	"GM0003": func(_ *testing.T, s *Snapshot) {
		for _, version := range []string{"v1beta1.custom", "v1beta2.custom"} {
			apiService(s, version).Spec.Service = &apiregistrationv1.ServiceReference{Namespace: "monitoring", Name: "prometheus-adapter"}
		}
	},
	"GM0004": func(_ *testing.T, s *Snapshot) {
		unavailable(s, "ServiceNotFound", "service/guest-metrics-server in \"guest-metrics-server\" is not present")
	},
	"GM0005": func(_ *testing.T, s *Snapshot) {
		unavailable(s, "MissingEndpoints", "endpoints for service/guest-metrics-server in \"guest-metrics-server\" have no addresses with port name \"https\"")
	},
	"GM0006": func(_ *testing.T, s *Snapshot) {
		unavailable(s, "FailedDiscoveryCheck", "failing or missing response from https://10.96.0.9:443/apis/custom.metrics.k8s.io/v1beta2: context deadline exceeded")
	},
	"GM0006 new": func(_ *testing.T, s *Snapshot) { apiService(s, "v1beta2").Status.Conditions = nil },
	"GM0007":     func(_ *testing.T, s *Snapshot) { apiService(s, "v1beta2").Spec.InsecureSkipTLSVerify = true },
	"GM0008":     func(t *testing.T, s *Snapshot) { s.certify(t, now.Add(-time.Hour), serverHost) },
	"GM0009":     func(t *testing.T, s *Snapshot) { s.certify(t, now.Add(10*day), serverHost) },
	"GM0010 of another name": func(t *testing.T, s *Snapshot) {
		s.certify(t, now.Add(300*day), "guest-metrics-server.elsewhere.svc")
	},
	"GM0010 no certificate": func(_ *testing.T, s *Snapshot) { s.Certificates.Items[0].PEM = []byte("none") },
	"GM0011":                func(_ *testing.T, s *Snapshot) { s.APIServices.Items = s.APIServices.Items[:2] },
	"GM0012": func(t *testing.T, s *Snapshot) {
		s.add(t, []byte(`{kind: Deployment, apiVersion: apps/v1, metadata: {namespace: monitoring, name: prometheus-adapter}}`))
		s.add(t, []byte(`
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {namespace: shop, name: frontend}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: frontend}
  metrics: [{type: Pods, pods: {metric: {name: http_requests_per_second}, target: {type: AverageValue, averageValue: "10"}}}]`))
	},

	"GM0101": func(_ *testing.T, s *Snapshot) { s.ControllerAccess.Allowed = false },
	"GM0102": func(_ *testing.T, s *Snapshot) { s.ViewRole.Items[0].Rules = s.ViewRole.Items[0].Rules[:1] },
	"GM0103": func(_ *testing.T, s *Snapshot) { s.CallerAccess.Allowed = false },
	"GM0104": func(_ *testing.T, s *Snapshot) {
		s.KubeVirts.Items[0].Namespace = "openshift-cnv"
		s.CAAccess.Allowed = false
	},

	"GM0201": func(_ *testing.T, s *Snapshot) { s.KubeVirts.Items = nil },
	"GM0202": func(_ *testing.T, s *Snapshot) { s.KubeVirts.Items[0].Status.ObservedKubeVirtVersion = "v1.5.2" },
	"GM0203": func(_ *testing.T, s *Snapshot) {
		s.KubeVirts.Items[0].Status.Conditions[1].Status = corev1.ConditionTrue
		s.KubeVirts.Items[0].Status.Conditions[1].Message = "virt-handler is not ready on 1 node"
	},
	"GM0204": func(_ *testing.T, s *Snapshot) {
		s.Nodes.Items[0].Status.Conditions[0] = corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Message: "Kubelet stopped posting node status."}
	},
	"GM0205": func(_ *testing.T, s *Snapshot) { s.ScrapeTargets.Items = nil },
	"GM0206": func(_ *testing.T, s *Snapshot) {
		success := metav1.NewTime(now.Add(-3 * time.Minute))
		s.ScrapeTargets.Items[0].Health = v1alpha1.TargetDown
		s.ScrapeTargets.Items[0].LastError = "dial: connect: connection refused"
		s.ScrapeTargets.Items[0].LastSuccess = &success
		lose(s, "web-0", reason.Stale, "no sample for 3m") // What comes of it is no finding of its own.
	},
	"GM0207": func(_ *testing.T, s *Snapshot) {
		s.ScrapeTargets.Items[0].LastScrapeDuration = &metav1.Duration{Duration: 5200 * time.Millisecond}
	},
	"GM0208": func(_ *testing.T, s *Snapshot) {
		lose(s, "web-0", reason.Stale, "no sample for 1m15s: virt-handler on node n1 answers without this VMI")
	},

	"GM0301": func(_ *testing.T, s *Snapshot) {
		vmi(s, "web-0").Status.Conditions = paused("VMI was paused by user")
		exclude(s, "web-0", reason.Paused, "Paused")
	},
	"GM0302": func(_ *testing.T, s *Snapshot) { exclude(s, "web-0", reason.NotReady, "not Ready yet") },
	"GM0303": func(_ *testing.T, s *Snapshot) {
		exclude(s, "web-0", reason.WarmingUp, "warming up for another 40s")
	},
	"GM0303 not Ready": func(_ *testing.T, s *Snapshot) {
		vmi(s, "web-0").Status.PhaseTransitionTimestamps = nil
		exclude(s, "web-0", reason.NotReady, "not Ready yet")
	},
	"GM0304": func(_ *testing.T, s *Snapshot) {
		vmi(s, "web-0").Annotations["guestmetrics.io/http-port"] = "http"
	},
	"GM0304 in a template": func(_ *testing.T, s *Snapshot) {
		template(s).Annotations["guestmetrics.io/warmup"] = "3 minutes"
	},
	"GM0305": func(_ *testing.T, s *Snapshot) {
		unknownMetric(s, "web-0", "guest_http_requests_per_second", reason.NoSample, "no sample yet: status page: dial: connect: connection refused")
	},
	"GM0306": func(_ *testing.T, s *Snapshot) {
		lose(s, "web-0", reason.NoActivePod, "no running launcher pod on node \"n1\"")
	},
	"GM0307": func(_ *testing.T, s *Snapshot) {
		lose(s, "web-0", reason.TooLarge, "no sample yet: virt-handler's response has a line of 309123 bytes of this VMI")
	},

	"GM0401": func(_ *testing.T, s *Snapshot) {
		hpa(s).Spec.ScaleTargetRef.Name = "wep"
		object(s).DescribedObject.Name = "wep"
	},
	"GM0401 in another namespace": func(_ *testing.T, s *Snapshot) { hpa(s).Namespace = "autoscalers" },
	"GM0402": func(_ *testing.T, s *Snapshot) {
		second := hpa(s).DeepCopy()
		second.Name = "web-old"
		second.Status.Conditions[1] = autoscalingv2.HorizontalPodAutoscalerCondition{Type: autoscalingv2.ScalingActive, Status: corev1.ConditionFalse, Reason: "AmbiguousSelector"}
		s.HPAs.Items = append(s.HPAs.Items, *second)
	},
	"GM0403": func(_ *testing.T, s *Snapshot) { object(s).Metric.Name = "guest_cpu_utilisation_percent" },
	"GM0403 without its prefix": func(_ *testing.T, s *Snapshot) {
		object(s).Metric.Name = "cpu_utilization_percent"
	},
	"GM0404": func(_ *testing.T, s *Snapshot) {
		template(s).Labels = nil
		podsMetric(s)
	},
	"GM0404 with Value": func(_ *testing.T, s *Snapshot) {
		template(s).Labels = map[string]string{"app": "wep"}
		object(s).Metric.Selector = nil
		object(s).Target = autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: quantity("50")}
	},
	"GM0405": func(t *testing.T, s *Snapshot) {
		podsMetric(s)
		leftover(t, s)
	},
	"GM0405 with Resource": func(t *testing.T, s *Snapshot) {
		hpa(s).Spec.Metrics[0] = autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceCPU}}
		leftover(t, s)
	},
	"GM0406": func(t *testing.T, s *Snapshot) {
		podsMetric(s)
		leftover(t, s)
		s.KubernetesVersion = "v1.38.0" // Which does not count them.
	},
	"GM0406 with Value": func(_ *testing.T, s *Snapshot) {
		object(s).Metric.Selector = nil
		object(s).Target = autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: quantity("50")}
	},
	"GM0407": func(_ *testing.T, s *Snapshot) {
		hpa(s).Spec.Metrics[0] = autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceCPU}}
	},
	"GM0408": func(_ *testing.T, s *Snapshot) { object(s).Metric.Selector = nil },
	"GM0409": func(_ *testing.T, s *Snapshot) {
		object(s).Target = autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: quantity("50")}
	},
	"GM0410": func(_ *testing.T, s *Snapshot) { template(s).Annotations["guestmetrics.io/warmup"] = "5m" },
	"GM0410 window": func(_ *testing.T, s *Snapshot) {
		hpa(s).Spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: new(int32(60))}}
	},
	"GM0411": func(_ *testing.T, s *Snapshot) { hpa(s).Spec.MinReplicas = new(int32(0)) },
	"GM0412": func(_ *testing.T, s *Snapshot) {
		object(s).Metric = autoscalingv2.MetricIdentifier{Name: "guest_cpu_usage_cores"}
		object(s).Target.AverageValue = quantity("3500m")
	},
	"GM0412 within the tolerance": func(_ *testing.T, s *Snapshot) {
		object(s).Metric = autoscalingv2.MetricIdentifier{Name: "guest_cpu_usage_cores"}
		object(s).Target.AverageValue = quantity("1900m")
	},
	"GM0413": func(_ *testing.T, s *Snapshot) { object(s).Target.AverageValue = quantity("95") },
	"GM0414": func(_ *testing.T, s *Snapshot) { object(s).DescribedObject.Name = "wep" },
	"GM0414 of a kind without metrics": func(_ *testing.T, s *Snapshot) {
		object(s).DescribedObject = autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}
	},
	"GM0414 in another group": func(_ *testing.T, s *Snapshot) { object(s).DescribedObject.APIVersion = "kubevirt.io/v1" },
	"GM0415": func(_ *testing.T, s *Snapshot) {
		object(s).DescribedObject = autoscalingv2.CrossVersionObjectReference{APIVersion: "kubevirt.io/v1", Kind: "VirtualMachineInstanceReplicaSet", Name: "api"}
	},
	"GM0416": func(_ *testing.T, s *Snapshot) {
		template(s).Annotations = nil
		object(s).Metric = autoscalingv2.MetricIdentifier{Name: "guest_http_requests_per_second"}
		for _, name := range []string{"web-0", "web-1"} { // What comes of it is no finding of its own.
			unknownMetric(s, name, "guest_http_requests_per_second", reason.NoEndpoint, "no annotation guestmetrics.io/http-port says where its status page is")
		}
	},
	"GM0417": func(_ *testing.T, s *Snapshot) {
		object(s).Metric = autoscalingv2.MetricIdentifier{Name: "guest_load_1m"}
		unknownMetric(s, "web-0", "guest_load_1m", reason.NoAgent, "the guest agent is not connected")
	},
	"GM0418": func(_ *testing.T, s *Snapshot) {
		object(s).Metric = autoscalingv2.MetricIdentifier{Name: "guest_memory_used_bytes"}
		for _, name := range []string{"web-0", "web-1"} {
			unknownMetric(s, name, "guest_memory_used_bytes", reason.NotReported, "virt-handler's response has no usable kubevirt_vmi_memory_available_bytes of this VMI")
		}
	},
	"GM0419": func(_ *testing.T, s *Snapshot) {
		hpa(s).Status.Conditions[1] = autoscalingv2.HorizontalPodAutoscalerCondition{
			Type: autoscalingv2.ScalingActive, Status: corev1.ConditionFalse, Reason: "FailedGetObjectMetric", Message: "the HPA was unable to compute the replica count: ..."}
	},
	"GM0420": func(_ *testing.T, s *Snapshot) {
		pool(s).Spec.Replicas = new(int32(0))
		hpa(s).Status.Conditions[1] = autoscalingv2.HorizontalPodAutoscalerCondition{Type: autoscalingv2.ScalingActive, Status: corev1.ConditionFalse, Reason: "ScalingDisabled"}
	},

	"GM0501": func(_ *testing.T, s *Snapshot) {
		pool(s).Spec.ScaleInStrategy = &poolv1beta1.VirtualMachinePoolScaleInStrategy{Unmanaged: &poolv1beta1.VirtualMachinePoolUnmanagedStrategy{}}
	},
	"GM0501 opportunistic": func(_ *testing.T, s *Snapshot) {
		pool(s).Spec.ScaleInStrategy = &poolv1beta1.VirtualMachinePoolScaleInStrategy{Opportunistic: &poolv1beta1.VirtualMachinePoolOpportunisticScaleInStrategy{}}
	},
	"GM0502": func(_ *testing.T, s *Snapshot) {
		pool(s).Spec.ScaleInStrategy = &poolv1beta1.VirtualMachinePoolScaleInStrategy{Proactive: &poolv1beta1.VirtualMachinePoolProactiveScaleInStrategy{
			SelectionPolicy: &poolv1beta1.VirtualMachinePoolSelectionPolicy{Selectors: &poolv1beta1.VirtualMachinePoolSelectors{}}}}
	},
	"GM0503": func(_ *testing.T, s *Snapshot) { pool(s).Spec.Paused = true },
}

// also lists what a case finds beside its own finding, and must.
var also = map[string][]findings.Code{
	"GM0405 with Resource": {findings.LauncherPodMetric},
	"GM0417":               nil, // One of two is known, which is enough.
}

func TestEachFinding(t *testing.T) {
	for name, breakIt := range cases {
		t.Run(name, func(t *testing.T) {
			s := healthy(t)
			breakIt(t, s)
			report := Examine(s, nil)
			code, _, _ := strings.Cut(name, " ")
			got := make(map[findings.Code]bool)
			for _, f := range report.Findings() {
				got[f.Code] = true
				if f.Code != findings.Code(code) && !slices.Contains(also[name], f.Code) {
					t.Errorf("%s is found too: %s: %s", f.Code, f.Object, f.Message)
				}
			}
			for _, want := range append(also[name], findings.Code(code)) {
				if !got[want] {
					t.Errorf("%s is not found", want)
				}
			}
			golden(t, "findings/"+strings.ReplaceAll(name, " ", "-")+".txt", text(t, onlyFindings(report)))
		})
	}
}

// onlyFindings leaves out the checks that passed.
func onlyFindings(report *Report) *Report {
	var only Report
	for _, category := range report.Categories {
		category.Checks = slices.DeleteFunc(slices.Clone(category.Checks), func(c Check) bool { return c.Result == OK })
		if len(category.Checks) > 0 {
			only.Categories = append(only.Categories, category)
		}
	}
	return &only
}

func TestEveryFindingHasACase(t *testing.T) {
	for _, info := range findings.Table() {
		if !slices.ContainsFunc(caseNames(), func(name string) bool { return strings.HasPrefix(name, string(info.Code)) }) {
			t.Errorf("no case shows %s (%s)", info.Code, info.Title)
		}
	}
}

func caseNames() []string {
	var names []string
	for name := range cases {
		names = append(names, name)
	}
	return names
}

const serverHost = "guest-metrics-server.guest-metrics-server.svc"

// apiService returns the first APIService with a name that begins so.
func apiService(s *Snapshot, prefix string) *apiregistrationv1.APIService {
	i := slices.IndexFunc(s.APIServices.Items, func(a apiregistrationv1.APIService) bool { return strings.HasPrefix(a.Name, prefix) })
	return &s.APIServices.Items[i]
}

func unavailable(s *Snapshot, reason, message string) {
	apiService(s, "v1beta2").Status.Conditions[0] = apiregistrationv1.APIServiceCondition{
		Type: apiregistrationv1.Available, Status: apiregistrationv1.ConditionFalse, Reason: reason, Message: message}
}

func pool(s *Snapshot) *poolv1beta1.VirtualMachinePool { return &s.Pools.Items[0] }

// template returns the metadata that the pool gives to VMIs and launcher pods.
func template(s *Snapshot) *metav1.ObjectMeta {
	return &pool(s).Spec.VirtualMachineTemplate.Spec.Template.ObjectMeta
}

func hpa(s *Snapshot) *autoscalingv2.HorizontalPodAutoscaler { return &s.HPAs.Items[0] }

func object(s *Snapshot) *autoscalingv2.ObjectMetricSource { return hpa(s).Spec.Metrics[0].Object }

func podsMetric(s *Snapshot) {
	hpa(s).Spec.Metrics[0] = autoscalingv2.MetricSpec{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{
		Metric: autoscalingv2.MetricIdentifier{Name: "guest_cpu_utilization_percent"},
		Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: quantity("50")},
	}}
}

// leftover adds the source pod of a live migration.
func leftover(t *testing.T, s *Snapshot) {
	s.add(t, []byte(`{kind: Pod, apiVersion: v1, metadata: {namespace: shop, name: virt-launcher-web-0-old, labels: {app: web}}, status: {phase: Succeeded}}`))
}

func quantity(text string) *resource.Quantity { return new(resource.MustParse(text)) }

func vmi(s *Snapshot, name string) *kubevirtv1.VirtualMachineInstance {
	i := slices.IndexFunc(s.VMIs.Items, func(v kubevirtv1.VirtualMachineInstance) bool { return v.Name == name })
	return &s.VMIs.Items[i]
}

func paused(message string) []kubevirtv1.VirtualMachineInstanceCondition {
	return []kubevirtv1.VirtualMachineInstanceCondition{{Type: kubevirtv1.VirtualMachineInstancePaused, Status: corev1.ConditionTrue, Message: message}}
}

func metricsOf(s *Snapshot, name string) *v1alpha1.VirtualMachineInstanceMetrics {
	i := slices.IndexFunc(s.VMIMetrics.Items, func(m v1alpha1.VirtualMachineInstanceMetrics) bool { return m.Name == name })
	return &s.VMIMetrics.Items[i]
}

func exclude(s *Snapshot, name string, code reason.Code, message string) {
	metricsOf(s, name).Excluded = &v1alpha1.Reason{Reason: string(code), Message: message}
}

func unknownMetric(s *Snapshot, name, metric string, code reason.Code, message string) {
	m := metricsOf(s, name)
	m.Unknown = append(m.Unknown, v1alpha1.UnknownMetric{Name: metric, Reason: v1alpha1.Reason{Reason: string(code), Message: message}})
}

// lose makes the CPU of a VMI unknown, and with it all that virt-handler reports.
func lose(s *Snapshot, name string, code reason.Code, message string) {
	unknownMetric(s, name, "guest_cpu_usage_cores", code, message)
}
