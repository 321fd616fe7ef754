package custom

import (
	"net/http"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta1"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/generated/openapi/custommetrics"

	"guest-metrics-server/pkg/api"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
)

const responseKind = "MetricValueList"

var verbs = []string{"get"}

// API returns what to serve. Discovery is a fixed list, whether or not there is
// a VMI: it must neither be empty nor change.
//
// A metric is listed as a subresource of each kind that it is served for, as the
// API's convention has it (pods/guest_cpu_usage_cores), and once under its bare
// name: clients such as "kubectl api-resources" leave out all subresources and
// would show an API without resources. There is nothing at the bare name itself.
func (h *Handler) API() api.Group {
	version := func(gv schema.GroupVersion, answer any) api.Version {
		return api.Version{
			Name:       gv.Version,
			Handler:    http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.serve(gv, w, r) }),
			Answer:     answer,
			Resources:  unaggregated(),
			Aggregated: aggregated(&metav1.GroupVersionKind{Group: gv.Group, Version: gv.Version, Kind: responseKind}),
		}
	}
	return api.Group{
		Name: v1beta2.SchemeGroupVersion.Group,
		Versions: []api.Version{
			version(v1beta2.SchemeGroupVersion, v1beta2.MetricValueList{}),
			version(v1beta1.SchemeGroupVersion, v1beta1.MetricValueList{}),
		},
		Definitions: custommetrics.GetOpenAPIDefinitions,
	}
}

func unaggregated() []metav1.APIResource {
	var resources []metav1.APIResource
	for _, kind := range inventory.Kinds() {
		for _, m := range metric.All() {
			resources = append(resources, metav1.APIResource{
				Name: kind.GroupResource.String() + "/" + m.Name, Namespaced: kind != inventory.Namespaces, Kind: responseKind, Verbs: verbs,
			})
		}
	}
	for _, m := range metric.All() {
		resources = append(resources, metav1.APIResource{Name: m.Name, SingularName: m.Name, Namespaced: true, Kind: responseKind, Verbs: verbs})
	}
	return resources
}

func aggregated(kind *metav1.GroupVersionKind) []apidiscoveryv2.APIResourceDiscovery {
	var resources []apidiscoveryv2.APIResourceDiscovery
	for _, k := range inventory.Kinds() {
		parent := apidiscoveryv2.APIResourceDiscovery{Resource: k.GroupResource.String(), Scope: apidiscoveryv2.ScopeNamespace} // No kind: it is only a parent.
		if k == inventory.Namespaces {
			parent.Scope = apidiscoveryv2.ScopeCluster
		}
		for _, m := range metric.All() {
			parent.Subresources = append(parent.Subresources, apidiscoveryv2.APISubresourceDiscovery{
				Subresource: m.Name, ResponseKind: kind, Verbs: verbs,
			})
		}
		resources = append(resources, parent)
	}
	for _, m := range metric.All() {
		resources = append(resources, apidiscoveryv2.APIResourceDiscovery{
			Resource: m.Name, SingularResource: m.Name, Scope: apidiscoveryv2.ScopeNamespace, ResponseKind: kind, Verbs: verbs,
		})
	}
	return resources
}
