package provider

import (
	"context"
	"math"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	cmprovider "sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/scrape"
)

// Source is where samples come from.
type Source struct {
	History *history.Store
	// Status tells how the scrapes of a target go, false if there is none of the
	// name.
	Status func(target string) (scrape.Status, bool)
}

// Config says what the provider answers from and how it judges.
type Config struct {
	Inventory    *inventory.Store
	VirtHandlers Source // Targets are named like their nodes.
	Guests       Source // Targets are named namespace/name, as their VMIs.
	Now          func() time.Time

	RateWindow       time.Duration // Within it a newcomer gets two samples.
	MaxSampleAge     time.Duration // An older sample is unknown.
	MinKnownFraction float64       // 0-1, of a group's counting members.
}

// Provider implements the custom metrics API's provider.
type Provider struct {
	Config
	requests requests
}

var _ cmprovider.CustomMetricsProvider = (*Provider)(nil)

// New returns a Provider.
func New(config Config) *Provider {
	return &Provider{Config: config, requests: newRequests()}
}

// ListAllMetrics returns the fixed list of what is served, whether or not there
// is a VMI: discovery must neither be empty nor change.
func (p *Provider) ListAllMetrics() []cmprovider.CustomMetricInfo {
	var all []cmprovider.CustomMetricInfo
	for _, kind := range inventory.Kinds() {
		for _, m := range metric.All() {
			all = append(all, cmprovider.CustomMetricInfo{GroupResource: kind.GroupResource, Namespaced: kind.Namespaced(), Metric: m.Name})
		}
	}
	return all
}

// GetMetricByName returns the value of one object. The error is an API status.
func (p *Provider) GetMetricByName(_ context.Context, name types.NamespacedName, info cmprovider.CustomMetricInfo, selector labels.Selector) (*custom_metrics.MetricValue, error) {
	value, err := p.byName(name, info, selector)
	p.requests.count(info, err)
	return value, err
}

// GetMetricBySelector returns the values of the objects that the selector
// matches and whose value is known. When none is known the error, an API
// status, tells why: an empty list would not.
func (p *Provider) GetMetricBySelector(_ context.Context, namespace string, selector labels.Selector, info cmprovider.CustomMetricInfo, metricSelector labels.Selector) (*custom_metrics.MetricValueList, error) {
	list, err := p.bySelector(namespace, selector, info, metricSelector)
	p.requests.count(info, err)
	return list, err
}

func (p *Provider) byName(name types.NamespacedName, info cmprovider.CustomMetricInfo, selector labels.Selector) (*custom_metrics.MetricValue, error) {
	q, err := newQuestion(info, selector)
	if err != nil {
		return nil, err
	}
	members, exists := p.Inventory.Members(q.kind, name.Namespace, name.Name)
	if !exists {
		return nil, notFound("%s %q does not exist in namespace %q", q.kind.Kind, name.Name, name.Namespace)
	}
	reading, unknownErr := p.evaluate(q, members)
	if unknownErr != nil {
		return nil, notFound("%s of %s %s is unknown (%s): %s",
			q.metric.Name, q.kind.Kind, strings.TrimPrefix(name.String(), "/"), unknownErr.Reason, unknownErr)
	}
	value := q.answer(name, reading)
	return &value, nil
}

func (p *Provider) bySelector(namespace string, selector labels.Selector, info cmprovider.CustomMetricInfo, metricSelector labels.Selector) (*custom_metrics.MetricValueList, error) {
	q, err := newQuestion(info, metricSelector)
	if err != nil {
		return nil, err
	}
	if q.kind == inventory.Namespaces {
		return nil, notFound("namespaces cannot be selected: ask for one at a time, at /namespaces/NAMESPACE/metrics/%s", q.metric.Name)
	}
	selected := p.Inventory.Select(q.kind, namespace, selector)
	if len(selected) == 0 {
		return nil, p.nothingSelected(q, namespace, selector)
	}
	list := &custom_metrics.MetricValueList{}
	var reasons tally
	for _, object := range selected {
		reading, unknownErr := p.evaluate(q, object.Members)
		if unknownErr != nil {
			reasons.add(unknownErr)
			continue
		}
		list.Items = append(list.Items, q.answer(types.NamespacedName{Namespace: namespace, Name: object.Name}, reading))
	}
	if len(list.Items) == 0 {
		return nil, notFound("%s is unknown for each of the %d %s in namespace %q that match %q: %s",
			q.metric.Name, len(selected), q.kind.Resource, namespace, selector, &reasons)
	}
	return list, nil
}

// answer puts a reading into the API's form.
func (q question) answer(name types.NamespacedName, r metric.Reading) custom_metrics.MetricValue {
	window := int64(math.Round(r.Span.Seconds())) // 0 for a gauge, as the API has it.
	return custom_metrics.MetricValue{
		DescribedObject: custom_metrics.ObjectReference{
			APIVersion: q.kind.APIVersion,
			Kind:       q.kind.Kind,
			Namespace:  name.Namespace,
			Name:       name.Name,
		},
		Metric:        custom_metrics.MetricIdentifier{Name: q.metric.Name, Selector: q.selector},
		Timestamp:     metav1.NewTime(r.At),
		WindowSeconds: &window,
		Value:         *resource.NewMilliQuantity(milli(r.Value), resource.DecimalSI),
	}
}

// milli returns thousandths. What a guest claims may be beyond all numbers.
func milli(value float64) int64 {
	const limit = math.MaxInt64 / 2 // So large that it makes no difference, and exact enough.
	return int64(math.Round(min(1000*value, limit)))
}
