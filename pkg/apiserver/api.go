package apiserver

import (
	"net/http"

	"github.com/emicklei/go-restful/v3"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/discovery"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"guest-metrics-server/pkg/api"
)

// resources lists the resources of a version in unaggregated discovery.
type resources []metav1.APIResource

// ListAPIResources implements discovery.APIResourceLister.
func (r resources) ListAPIResources() []metav1.APIResource { return r }

// install installs the handlers and the discovery of an API group.
//
// A group without Storage is custom.metrics.k8s.io. The custom-metrics library
// would do it for that API, but it takes the object's namespace from elsewhere than
// what was authorized, names only one version in the group's discovery, and leaves
// aggregated discovery empty, which kube-apiserver takes for an API without
// resources.
func install(server *genericapiserver.GenericAPIServer, served api.Group) error {
	if served.Storage != nil {
		return server.InstallAPIGroup(served.Storage)
	}
	group := metav1.APIGroup{Name: served.Name}
	for i, version := range served.Versions {
		gv := schema.GroupVersion{Group: served.Name, Version: version.Name}
		ws := new(restful.WebService).Path(genericapiserver.APIGroupPrefix + "/" + gv.String())
		ws.Doc("API at " + gv.String())
		discovery.NewAPIVersionHandler(server.Serializer, gv, resources(version.Resources)).AddToWebService(ws)
		ws.Route(ws.GET("/{path:*}").
			To(func(request *restful.Request, response *restful.Response) {
				version.Handler.ServeHTTP(response.ResponseWriter, request.Request)
			}).
			Operation("get"+version.Name).
			Param(ws.PathParameter("path", "what is asked for").DataType("string")).
			Produces("application/json").
			Returns(http.StatusOK, "OK", version.Answer).
			Writes(version.Answer))
		server.Handler.GoRestfulContainer.Add(ws)

		group.Versions = append(group.Versions, metav1.GroupVersionForDiscovery{GroupVersion: gv.String(), Version: gv.Version})
		server.AggregatedDiscoveryGroupManager.AddGroupVersion(gv.Group, apidiscoveryv2.APIVersionDiscovery{
			Version: gv.Version, Freshness: apidiscoveryv2.DiscoveryFreshnessCurrent, Resources: version.Aggregated,
		})
		server.AggregatedDiscoveryGroupManager.SetGroupVersionPriority(metav1.GroupVersion(gv), 100, len(served.Versions)-i)
	}
	group.PreferredVersion = group.Versions[0]
	server.DiscoveryGroupManager.AddGroup(group)
	server.Handler.GoRestfulContainer.Add(discovery.NewAPIGroupHandler(server.Serializer, group).WebService())
	return nil
}
