package apiserver

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints"
	"k8s.io/apiserver/pkg/endpoints/discovery"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta1"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/apiserver"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/apiserver/installer"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"
	storage "sigs.k8s.io/custom-metrics-apiserver/pkg/registry/custom_metrics"
)

// versions of the API, the preferred one first.
var versions = []schema.GroupVersion{v1beta2.SchemeGroupVersion, v1beta1.SchemeGroupVersion}

// installAPI installs the handlers and the discovery of custom.metrics.k8s.io.
//
// The library would do it, but names only v1beta1 in the group's discovery and
// leaves aggregated discovery empty, which kube-apiserver takes for an API
// without resources.
func installAPI(server *genericapiserver.GenericAPIServer, p provider.CustomMetricsProvider) error {
	info := genericapiserver.NewDefaultAPIGroupInfo(custom_metrics.GroupName, apiserver.Scheme,
		runtime.NewParameterCodec(apiserver.Scheme), apiserver.Codecs)
	rest := storage.NewREST(p)
	resources := lister{p}
	group := metav1.APIGroup{Name: custom_metrics.GroupName}
	for i, gv := range versions {
		api := &installer.MetricsAPIGroupVersion{
			DynamicStorage: rest,
			APIGroupVersion: &endpoints.APIGroupVersion{
				Root:             genericapiserver.APIGroupPrefix,
				GroupVersion:     gv,
				MetaGroupVersion: info.MetaGroupVersion,
				ParameterCodec:   info.ParameterCodec,
				Serializer:       info.NegotiatedSerializer,
				Creater:          info.Scheme,
				Convertor:        info.Scheme,
				UnsafeConvertor:  runtime.UnsafeObjectConvertor(info.Scheme),
				Typer:            info.Scheme,
				Namer:            runtime.Namer(meta.NewAccessor()),
			},
			ResourceLister: resources,
			Handlers:       &installer.CMHandlers{},
		}
		if err := api.InstallREST(server.Handler.GoRestfulContainer); err != nil {
			return fmt.Errorf("install the API %s: %w", gv, err)
		}
		group.Versions = append(group.Versions, metav1.GroupVersionForDiscovery{GroupVersion: gv.String(), Version: gv.Version})
		aggregated := resources.aggregated(gv)
		server.AggregatedDiscoveryGroupManager.AddGroupVersion(gv.Group, aggregated)
		server.AggregatedDiscoveryGroupManager.SetGroupVersionPriority(metav1.GroupVersion(gv), 100, len(versions)-i)
	}
	group.PreferredVersion = group.Versions[0]
	server.DiscoveryGroupManager.AddGroup(group)
	server.Handler.GoRestfulContainer.Add(discovery.NewAPIGroupHandler(server.Serializer, group).WebService())
	return nil
}
