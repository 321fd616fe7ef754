package guestmetrics

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/api"
	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
	"guest-metrics-server/pkg/evaluate"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/reason"
)

var vmiMetrics = schema.GroupResource{Group: v1alpha1.SchemeGroupVersion.Group, Resource: "vmimetrics"}

// maxVMIs is how many VMIs a response has at most. One has some 4 KB of JSON.
const maxVMIs = 1000

func (c Config) vmiMetrics() storage {
	return storage{
		resource: vmiMetrics, singular: "vmimetrics", namespaced: true,
		object: func() runtime.Object { return &v1alpha1.VirtualMachineInstanceMetrics{} },
		empty:  func() runtime.Object { return &v1alpha1.VirtualMachineInstanceMetricsList{} },
		get: func(namespace, name string) (runtime.Object, bool) {
			report, exists := c.VMIs.Report(namespace, name)
			if !exists {
				return nil, false
			}
			object := metricsOf(report)
			return &object, true
		},
		list:  c.listVMIs,
		table: c.vmiTable,
	}
}

// listVMIs answers with a page. A client that asks for one must expect that it is
// shorter than its limit; one that asks for all must get all or an error.
func (c Config) listVMIs(namespace string, match match, options *internalversion.ListOptions) (runtime.Object, error) {
	after, err := decodeContinue(options.Continue)
	if err != nil {
		return nil, err
	}
	page := inventory.Page{
		Namespace: namespace, After: after, Limit: maxVMIs,
		Match: func(v *inventory.VMI) bool { return match(v.Namespace, v.Name, v.Labels) },
	}
	if options.Limit > 0 && options.Limit < maxVMIs {
		page.Limit = int(options.Limit)
	}
	reports, more := c.VMIs.Reports(page)
	if more && options.Limit <= 0 {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("more than %d VMIs match: ask for pages, with limit=500 and the continue of the response before", maxVMIs))
	}
	list := &v1alpha1.VirtualMachineInstanceMetricsList{Items: make([]v1alpha1.VirtualMachineInstanceMetrics, len(reports))}
	for i, report := range reports {
		list.Items[i] = metricsOf(report)
	}
	if more {
		last := reports[len(reports)-1].VMI
		list.Continue = encodeContinue(last.Namespace, last.Name)
	}
	return list, nil
}

// continuePrefix tells our tokens from those of other APIs.
const continuePrefix = "after/"

func encodeContinue(namespace, name string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(continuePrefix + namespace + "/" + name))
}

// decodeContinue returns after which VMI a page begins. Whatever a client puts
// there, it is only a place in the order of names.
func decodeContinue(token string) (types.NamespacedName, error) {
	if token == "" {
		return types.NamespacedName{}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	after, ours := strings.CutPrefix(string(text), continuePrefix)
	namespace, name, whole := strings.Cut(after, "/")
	if err != nil || !ours || !whole {
		return types.NamespacedName{}, apierrors.NewBadRequest("continue: it is not from a response of this API: list from the beginning")
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}

func metricsOf(r evaluate.Report) v1alpha1.VirtualMachineInstanceMetrics {
	object := v1alpha1.VirtualMachineInstanceMetrics{
		ObjectMeta:  metav1.ObjectMeta{Namespace: r.VMI.Namespace, Name: r.VMI.Name, UID: r.VMI.UID, Labels: r.VMI.Labels},
		Node:        r.VMI.Node,
		CountsSince: timeOf(r.CountsSince),
		Metrics:     make([]v1alpha1.Metric, 0, len(r.Results)),
		Unknown:     []v1alpha1.UnknownMetric{},
	}
	if r.Pod != nil {
		object.Pod = r.Pod.Name
	}
	if r.Excluded != nil {
		excluded := reasonOf(r.Excluded)
		object.Excluded = &excluded
	}
	if r.VCPUs > 0 {
		vcpus := int32(r.VCPUs)
		object.VCPUs = &vcpus
	}
	for _, result := range r.Results {
		if result.Unknown != nil {
			object.Unknown = append(object.Unknown, v1alpha1.UnknownMetric{Name: result.Metric.Name, Reason: reasonOf(result.Unknown)})
			continue
		}
		metric := v1alpha1.Metric{Name: result.Metric.Name, Value: api.Quantity(result.Value), Timestamp: metav1.NewTime(result.At)}
		if result.Span > 0 {
			metric.Window = &metav1.Duration{Duration: result.Span.Round(time.Millisecond)}
		}
		object.Metrics = append(object.Metrics, metric)
	}
	return object
}

func reasonOf(err *reason.Error) v1alpha1.Reason {
	return v1alpha1.Reason{Reason: string(err.Code), Message: err.Detail}
}

func timeOf(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	at := metav1.NewTime(t)
	return &at
}
