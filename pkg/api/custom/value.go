package custom

import (
	"math"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/metrics/pkg/apis/custom_metrics"

	"guest-metrics-server/pkg/api"
	"guest-metrics-server/pkg/evaluate"
	"guest-metrics-server/pkg/inventory"
)

// listOf returns values in the API's form.
func listOf(q evaluate.Query, values []evaluate.Value) *custom_metrics.MetricValueList {
	list := &custom_metrics.MetricValueList{Items: make([]custom_metrics.MetricValue, len(values))}
	identifier := custom_metrics.MetricIdentifier{Name: q.Metric.Name, Selector: labelSelector(q.MetricSelector)}
	namespace := q.Namespace
	if q.Kind == inventory.Namespaces {
		namespace = "" // A namespace is not in one.
	}
	for i, v := range values {
		window := int64(math.Round(v.Span.Seconds())) // 0 for a gauge, as the API has it.
		list.Items[i] = custom_metrics.MetricValue{
			DescribedObject: custom_metrics.ObjectReference{
				APIVersion: q.Kind.APIVersion, Kind: q.Kind.Kind, Namespace: namespace, Name: v.Name,
			},
			Metric:        identifier,
			Timestamp:     metav1.NewTime(v.At),
			WindowSeconds: &window,
			Value:         api.Quantity(v.Value),
		}
	}
	return list
}

// labelSelector puts a selector into the form of an answer, nil without
// requirements.
func labelSelector(selector labels.Selector) *metav1.LabelSelector {
	requirements, _ := selector.Requirements()
	if len(requirements) == 0 {
		return nil
	}
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
