package provider

import (
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"guest-metrics-server/pkg/metric"
)

// aggregateKey is the reserved key of metric.selector that says how the members
// of a group become one value.
const aggregateKey = "aggregate"

// applySelector takes metric.selector into the question: which instances of the
// metric, and how a group aggregates.
func (q *question) applySelector(selector labels.Selector) error {
	q.match, q.group = metric.Every, q.metric.Group
	requirements, selectable := selector.Requirements()
	if !selectable {
		return q.badSelector(selector, "it matches nothing")
	}
	if len(requirements) == 0 {
		return nil
	}
	instances := labels.NewSelector()
	for _, r := range requirements {
		switch {
		case r.Key() == aggregateKey:
			if err := q.applyAggregate(selector, r); err != nil {
				return err
			}
		case q.metric.Instance != "" && r.Key() == q.metric.Instance:
			instances = instances.Add(r)
		default:
			return q.badSelector(selector, fmt.Sprintf("%s is no key of %s; the keys are %s", r.Key(), q.metric.Name, strings.Join(q.selectorKeys(), ", ")))
		}
	}
	if !instances.Empty() {
		q.match = func(instance string) bool {
			return instances.Matches(labels.Set{q.metric.Instance: labelValue(instance)})
		}
	}
	q.selector = inAnswer(requirements)
	return nil
}

// inAnswer puts a selector into the form of an answer.
func inAnswer(requirements labels.Requirements) *metav1.LabelSelector {
	operators := map[selection.Operator]metav1.LabelSelectorOperator{
		selection.Equals:       metav1.LabelSelectorOpIn,
		selection.DoubleEquals: metav1.LabelSelectorOpIn,
		selection.In:           metav1.LabelSelectorOpIn,
		selection.NotEquals:    metav1.LabelSelectorOpNotIn,
		selection.NotIn:        metav1.LabelSelectorOpNotIn,
		selection.Exists:       metav1.LabelSelectorOpExists,
		selection.DoesNotExist: metav1.LabelSelectorOpDoesNotExist,
	}
	var s metav1.LabelSelector
	for _, r := range requirements {
		s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: r.Key(), Operator: operators[r.Operator()], Values: slices.Sorted(slices.Values(r.ValuesUnsorted())),
		})
	}
	return &s
}

func (q *question) applyAggregate(selector labels.Selector, r labels.Requirement) error {
	values := r.ValuesUnsorted()
	if len(values) != 1 || !slices.Contains(metric.Aggregations(), metric.Aggregation(values[0])) {
		return q.badSelector(selector, fmt.Sprintf("%s must be one of %v", aggregateKey, metric.Aggregations()))
	}
	if !q.kind.IsGroup() {
		return q.badSelector(selector, fmt.Sprintf("%s is for groups, and a %s is one VMI", aggregateKey, q.kind.Kind))
	}
	q.group = metric.Aggregation(values[0])
	return nil
}

func (q *question) selectorKeys() []string {
	keys := []string{aggregateKey + " (for groups)"}
	if q.metric.Instance != "" {
		keys = append(keys, q.metric.Instance)
	}
	return keys
}

func (q *question) badSelector(selector labels.Selector, why string) error {
	return apierrors.NewBadRequest(fmt.Sprintf("metric.selector %q: %s", selector, why))
}

// rootMountPoint is the label value of the mount point "/".
const rootMountPoint = "rootfs"

// labelValue puts the name of an instance into a form that a label's value can
// have: what it may not contain becomes "_", and what it may not begin or end
// with is left out. So /var/lib is var_lib and C:\ is C.
func labelValue(instance string) string {
	if instance == "/" {
		return rootMountPoint
	}
	valid := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		default:
			return '_'
		}
	}, instance)
	return strings.Trim(valid, "-_.")
}
