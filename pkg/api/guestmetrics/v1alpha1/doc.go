// Package v1alpha1 holds the types of guestmetrics.io/v1alpha1, the server's own
// API: what is known of each VMI, why the rest is not, and how scrapes go.
//
// +k8s:deepcopy-gen=package
// +k8s:openapi-gen=true
// +k8s:openapi-model-package=io.guestmetrics.v1alpha1
// +groupName=guestmetrics.io
package v1alpha1
