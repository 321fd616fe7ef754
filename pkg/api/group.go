package api

import (
	"net/http"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/kube-openapi/pkg/common"
)

// Group is an API group to serve.
type Group struct {
	Name     string
	Versions []Version // The preferred one first.

	// Storage, where there is one, says in place of Versions what to serve:
	// resources that k8s.io/apiserver's own handlers answer for.
	Storage *genericapiserver.APIGroupInfo

	// Definitions returns those of the OpenAPI document that the versions' answers need.
	Definitions common.GetOpenAPIDefinitions
}

// Version is a version of an API group.
type Version struct {
	Name    string
	Handler http.Handler // Answers GET of all paths below the version.
	Answer  any          // An object of the type that is answered, for the OpenAPI document.

	// What discovery lists, in its two forms.
	Resources  []metav1.APIResource
	Aggregated []apidiscoveryv2.APIResourceDiscovery
}
