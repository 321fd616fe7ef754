package custom

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/endpoints/request"

	"guest-metrics-server/pkg/api"
	"guest-metrics-server/pkg/evaluate"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
)

// allNames stands for all objects that a selector matches.
const allNames = "*"

// parse returns what a request asks for. The namespace and the object come from
// the RequestInfo and from nowhere else: the request was authorized for exactly
// that.
//
// There are two forms of paths below a version:
//
//	namespaces/NAMESPACE/RESOURCE/NAME/METRIC   objects in a namespace
//	namespaces/NAMESPACE/metrics/METRIC         the namespace itself
func parse(info *request.RequestInfo, values url.Values) (evaluate.Query, error) {
	q := evaluate.Query{Namespace: info.Namespace, Kind: inventory.Namespaces}
	metricName := info.Name
	switch {
	case info.Verb != "get" || slices.Contains(info.Parts, ""):
		return q, notFound("there is nothing at this path: %s", forms)
	case q.Namespace == "":
		return q, notFound("all objects with metrics are in a namespace: %s", forms)
	case len(info.Parts) == 2 && info.Resource == "metrics":
	case len(info.Parts) == 3:
		kind, err := kindOf(info.Resource)
		if err != nil {
			return q, err
		}
		q.Kind, q.Name, metricName = kind, info.Name, info.Subresource
	default:
		return q, notFound("there is nothing at this path: %s", forms)
	}
	if q.Metric = metric.Lookup(metricName); q.Metric == nil {
		return q, notFound("there is no metric %q, only %s", metricName, strings.Join(metricNames(), ", "))
	}
	if values.Get("fieldSelector") != "" {
		return q, &evaluate.BadQueryError{Message: "fieldSelector: metrics have no fields to select by"}
	}
	var err error
	if q.MetricSelector, err = parseSelector("metricLabelSelector", values); err != nil {
		return q, err
	}
	if q.Name != allNames {
		return q, nil
	}
	q.Name = ""
	q.Selector, err = parseSelector("labelSelector", values)
	return q, err
}

const forms = "ask at namespaces/NAMESPACE/RESOURCE/NAME/METRIC, or at namespaces/NAMESPACE/metrics/METRIC for the namespace itself"

// kindOf returns the kind of objects that a resource names. Namespaces are not
// among them: a namespace is not an object of another one.
func kindOf(resource string) (inventory.Kind, error) {
	var served []string
	for _, kind := range inventory.Kinds() {
		if kind == inventory.Namespaces {
			continue
		}
		if kind.GroupResource.String() == resource {
			return kind, nil
		}
		served = append(served, kind.GroupResource.String())
	}
	return inventory.Kind{}, notFound("there are no metrics of %q in a namespace, only of %s; those of a namespace itself are at namespaces/NAMESPACE/metrics/METRIC",
		resource, strings.Join(served, ", "))
}

func metricNames() []string {
	var names []string
	for _, m := range metric.All() {
		names = append(names, m.Name)
	}
	return names
}

// parseSelector returns the selector in a parameter of the request.
func parseSelector(parameter string, values url.Values) (labels.Selector, error) {
	selector, err := api.ParseSelector(values.Get(parameter))
	if err != nil {
		return nil, &evaluate.BadQueryError{Message: parameter + ": " + err.Error()}
	}
	return selector, nil
}

func notFound(format string, args ...any) error {
	return &evaluate.NotFoundError{Message: fmt.Sprintf(format, args...)}
}
