package hpa

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	kubecontrollerconfig "k8s.io/kube-controller-manager/config/v1alpha1"
	autoscalingdefaults "k8s.io/kubernetes/pkg/apis/autoscaling/v2"
	controllerdefaults "k8s.io/kubernetes/pkg/controller/podautoscaler/config/v1alpha1"

	"guest-metrics-server/pkg/hpa"
)

func TestDefaultRulesAreKubernetes(t *testing.T) {
	if diff := cmp.Diff(autoscalingdefaults.GenerateHPAScaleUpRules(nil), toRules(hpa.DefaultScaleUp())); diff != "" {
		t.Errorf("scale up (-Kubernetes +pkg/hpa):\n%s", diff)
	}
	if diff := cmp.Diff(autoscalingdefaults.GenerateHPAScaleDownRules(nil), toRules(hpa.DefaultScaleDown())); diff != "" {
		t.Errorf("scale down (-Kubernetes +pkg/hpa):\n%s", diff)
	}
}

func TestDefaultFlagsAreKubernetes(t *testing.T) {
	var want kubecontrollerconfig.HPAControllerConfiguration
	controllerdefaults.RecommendedDefaultHPAControllerConfiguration(&want)
	got := want
	flags := hpa.ForKubernetes(37)
	got.HorizontalPodAutoscalerTolerance = flags.Tolerance
	got.HorizontalPodAutoscalerDownscaleStabilizationWindow.Duration = flags.DownscaleStabilization
	got.HorizontalPodAutoscalerCPUInitializationPeriod.Duration = flags.CPUInitializationPeriod
	got.HorizontalPodAutoscalerInitialReadinessDelay.Duration = flags.InitialReadinessDelay
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("flags (-Kubernetes +pkg/hpa):\n%s", diff)
	}
}
