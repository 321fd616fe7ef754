package apiserver

import (
	"slices"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"
)

const responseKind = "MetricValueList"

// lister tells what resources there are, in both forms of discovery.
//
// A metric stands there as a subresource of each kind that it is served for, as
// the API's convention has it (pods/guest_cpu_usage_cores), and once under its
// bare name: clients such as "kubectl api-resources" leave out all subresources
// and would show an API without resources. The bare name is not to be asked for.
type lister struct {
	provider provider.CustomMetricsProvider
}

// metrics returns the bare names in the provider's order.
func (l lister) metrics() []string {
	var names []string
	for _, info := range l.provider.ListAllMetrics() {
		if !slices.Contains(names, info.Metric) {
			names = append(names, info.Metric)
		}
	}
	return names
}

// ListAPIResources implements discovery.APIResourceLister.
func (l lister) ListAPIResources() []metav1.APIResource {
	resources := provider.NewCustomMetricResourceLister(l.provider).ListAPIResources()
	for _, name := range l.metrics() {
		resources = append(resources, metav1.APIResource{
			Name: name, SingularName: name, Namespaced: true, Kind: responseKind, Verbs: metav1.Verbs{"get"},
		})
	}
	return resources
}

// aggregated returns the same in the form of aggregated discovery.
func (l lister) aggregated(gv schema.GroupVersion) apidiscoveryv2.APIVersionDiscovery {
	kind := &metav1.GroupVersionKind{Group: gv.Group, Version: gv.Version, Kind: responseKind}
	version := apidiscoveryv2.APIVersionDiscovery{Version: gv.Version, Freshness: apidiscoveryv2.DiscoveryFreshnessCurrent}
	for _, info := range l.provider.ListAllMetrics() {
		resource := info.GroupResource.String()
		i := slices.IndexFunc(version.Resources, func(r apidiscoveryv2.APIResourceDiscovery) bool { return r.Resource == resource })
		if i < 0 {
			i = len(version.Resources)
			version.Resources = append(version.Resources, apidiscoveryv2.APIResourceDiscovery{
				Resource: resource, Scope: apidiscoveryv2.ScopeNamespace, // No kind: it is but a parent.
			})
		}
		version.Resources[i].Subresources = append(version.Resources[i].Subresources, apidiscoveryv2.APISubresourceDiscovery{
			Subresource: info.Metric, ResponseKind: kind, Verbs: []string{"get"},
		})
	}
	for _, name := range l.metrics() {
		version.Resources = append(version.Resources, apidiscoveryv2.APIResourceDiscovery{
			Resource: name, SingularResource: name, Scope: apidiscoveryv2.ScopeNamespace, ResponseKind: kind, Verbs: []string{"get"},
		})
	}
	return version
}
