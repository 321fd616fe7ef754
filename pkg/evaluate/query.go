package evaluate

import (
	"fmt"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/reason"
)

// Query asks for a metric of one object or of several, of one kind in one
// namespace. There is no other place for a namespace in it, so nothing of
// another one can be part of the answer.
type Query struct {
	Kind      inventory.Kind
	Namespace string

	// Name is that of the object. "" asks for the objects that Selector matches.
	// The kind Namespaces needs neither: the namespace is the object.
	Name     string
	Selector labels.Selector

	Metric         *metric.Metric
	MetricSelector labels.Selector // An HPA's metric.selector.
}

// Value is the metric of one object.
type Value struct {
	Name string // Of the object.
	metric.Reading
}

// NotFoundError says why there is no value: the object does not exist, or the
// values asked for are unknown. Causes has the reasons of the latter.
type NotFoundError struct {
	Message string
	Causes  []reason.Cause
}

func (e *NotFoundError) Error() string { return e.Message }

// BadQueryError says what is wrong with a query and what is allowed.
type BadQueryError struct{ Message string }

func (e *BadQueryError) Error() string { return e.Message }

func notFound(format string, args ...any) error {
	return &NotFoundError{Message: fmt.Sprintf(format, args...)}
}

// Answer returns the values of a query in the order of the objects' names.
// Objects that a selector matches and whose value is unknown are left out; when
// none is left the error says why. The error is a NotFoundError or a
// BadQueryError.
func (e *Evaluator) Answer(query Query) ([]Value, error) {
	q := question{Query: query}
	if err := q.applySelector(query.MetricSelector); err != nil {
		return nil, err
	}
	if q.Kind == inventory.Namespaces {
		q.Name = q.Namespace
	}
	if q.Name != "" {
		return e.byName(q)
	}
	return e.bySelector(q)
}

func (e *Evaluator) byName(q question) ([]Value, error) {
	members, exists := e.Inventory.Members(q.Kind, q.Namespace, q.Name)
	if !exists {
		return nil, notFound("%s %q does not exist in namespace %q", q.Kind.Kind, q.Name, q.Namespace)
	}
	reading, err := e.evaluate(q, members)
	if err != nil {
		object := types.NamespacedName{Namespace: q.Namespace, Name: q.Name}.String()
		if q.Kind == inventory.Namespaces {
			object = q.Name
		}
		return nil, &NotFoundError{
			Message: fmt.Sprintf("%s of %s %s is unknown (%s): %s", q.Metric.Name, q.Kind.Kind, object, err.Code, err),
			Causes:  []reason.Cause{{Code: err.Code, Count: 1, Example: err.Detail}},
		}
	}
	return []Value{{q.Name, reading}}, nil
}

func (e *Evaluator) bySelector(q question) ([]Value, error) {
	selected := e.Inventory.Select(q.Kind, q.Namespace, q.Selector)
	if len(selected) == 0 {
		return nil, e.nothingSelected(q)
	}
	values := make([]Value, 0, len(selected))
	var reasons reason.Tally
	for _, object := range selected {
		reading, err := e.evaluate(q, object.Members)
		if err != nil {
			reasons.Add(err)
			continue
		}
		values = append(values, Value{object.Name, reading})
	}
	if len(values) == 0 {
		return nil, &NotFoundError{
			Message: fmt.Sprintf("%s is unknown for each of the %d %s in namespace %q that match %q: %s",
				q.Metric.Name, len(selected), q.Kind.Resource, q.Namespace, q.Selector, &reasons),
			Causes: reasons.Causes(),
		}
	}
	return values, nil
}

// nothingSelected says why a selector found no object.
func (e *Evaluator) nothingSelected(q question) error {
	others := len(e.Inventory.Select(q.Kind, q.Namespace, labels.Everything()))
	switch {
	case q.Kind == inventory.Pods && others > 0:
		return notFound("none of the %d running launcher pods in namespace %q matches %q; "+
			"a pool's labels must also stand in its spec.virtualMachineTemplate.spec.template.metadata.labels", others, q.Namespace, q.Selector)
	case q.Kind == inventory.Pods:
		return notFound("there is no running launcher pod in namespace %q", q.Namespace)
	case others > 0:
		return notFound("none of the %d %s in namespace %q matches %q", others, q.Kind.Resource, q.Namespace, q.Selector)
	default:
		return notFound("there are no %s in namespace %q", q.Kind.Resource, q.Namespace)
	}
}
