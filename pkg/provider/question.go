package provider

import (
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	cmprovider "sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
)

// notFound returns the status of a value that there is not, whatever the cause.
// It is 404 also for a value that is unknown for now: a 5xx would count as an
// error of the cluster's API server at each sync of each HPA.
func notFound(format string, args ...any) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status:  metav1.StatusFailure,
		Code:    http.StatusNotFound,
		Reason:  metav1.StatusReasonNotFound,
		Message: fmt.Sprintf(format, args...),
	}}
}

// question is a request that has been understood.
type question struct {
	kind     inventory.Kind
	metric   *metric.Metric
	match    metric.Match          // Which interfaces, drives or mount points.
	group    metric.Aggregation    // How the members of a group become one value.
	selector *metav1.LabelSelector // The metric.selector as it was asked, nil without one.
}

// newQuestion understands a request, or says what is served.
func newQuestion(info cmprovider.CustomMetricInfo, selector labels.Selector) (question, error) {
	var q question
	var served []string
	for _, kind := range inventory.Kinds() {
		served = append(served, kind.GroupResource.String())
		if kind.GroupResource == info.GroupResource {
			q.kind = kind
		}
	}
	switch {
	case q.kind.Kind == "":
		return q, notFound("there are no metrics of %q, only of %s", info.GroupResource, strings.Join(served, ", "))
	case !info.Namespaced && q.kind.Namespaced():
		return q, notFound("%s are namespaced: ask below /namespaces/NAMESPACE/", q.kind.Resource)
	}
	if q.metric = metric.Lookup(info.Metric); q.metric == nil {
		var names []string
		for _, m := range metric.All() {
			names = append(names, m.Name)
		}
		return q, notFound("there is no metric %q, only %s", info.Metric, strings.Join(names, ", "))
	}
	return q, q.applySelector(selector)
}

// nothingSelected says why a selector found no object.
func (p *Provider) nothingSelected(q question, namespace string, selector labels.Selector) error {
	others := len(p.Inventory.Select(q.kind, namespace, labels.Everything()))
	switch {
	case q.kind == inventory.Pods && others > 0:
		return notFound("none of the %d running launcher pods in namespace %q matches %q; "+
			"a pool's labels must also stand in its spec.virtualMachineTemplate.spec.template.metadata.labels", others, namespace, selector)
	case q.kind == inventory.Pods:
		return notFound("there is no running launcher pod in namespace %q", namespace)
	case others > 0:
		return notFound("none of the %d %s in namespace %q matches %q", others, q.kind.Resource, namespace, selector)
	default:
		return notFound("there are no %s in namespace %q", q.kind.Resource, namespace)
	}
}
