package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// SchemeGroupVersion is the API's group and version.
var SchemeGroupVersion = schema.GroupVersion{Group: "guestmetrics.io", Version: "v1alpha1"}

// AddToScheme adds the types to a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(SchemeGroupVersion,
		&VirtualMachineInstanceMetrics{}, &VirtualMachineInstanceMetricsList{},
		&ScrapeTarget{}, &ScrapeTargetList{})
	metav1.AddToGroupVersion(scheme, SchemeGroupVersion)
	return nil
}
