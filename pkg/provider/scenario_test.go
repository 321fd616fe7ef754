package provider

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	cmprovider "sigs.k8s.io/custom-metrics-apiserver/pkg/provider"
)

// TestScenarios runs the files in testdata/scenarios. Each subtest in them is a
// story of a cluster of its own: what happens in it ("given", a step a line, see
// world), and what the API answers then:
//
//	get KIND NAME METRIC          one object, as an HPA of type Object asks
//	list KIND SELECTOR METRIC     all that match ("all": every one), as an HPA of type Pods asks
//	vmis                          the server's own metric of VMIs by state
//
// the first two with namespace=NAME and select=(METRIC.SELECTOR) where needed.
// An answer is a line for each value: the object, the value, the window it was
// computed over and the age of its timestamp. With -rewrite the files take what
// is answered.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
		var story *testing.T
		var w *world
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if t != story {
				story, w = t, newWorld(t)
			}
			switch d.Cmd {
			case "given":
				for line := range strings.Lines(d.Input) {
					if err := w.step(strings.TrimSpace(line)); err != nil {
						d.Fatalf(t, "%s: %v", line, err)
					}
				}
				return ""
			case "get", "list":
				return w.ask(t, d)
			case "vmis":
				return w.states()
			default:
				d.Fatalf(t, "unknown command %s", d.Cmd)
				return ""
			}
		})
	})
}

// ask puts a question to the provider and renders the answer.
func (w *world) ask(t *testing.T, d *datadriven.TestData) string {
	var args []string
	namespace, selectText := defaultNamespace, ""
	for _, arg := range d.CmdArgs {
		switch {
		case arg.Key == "namespace" && len(arg.Vals) > 0:
			namespace = arg.Vals[0]
		case arg.Key == "select":
			selectText = strings.Join(arg.Vals, ",")
		default:
			args = append(args, arg.String())
		}
	}
	if len(args) != 3 {
		d.Fatalf(t, "want a kind, a name or a selector, and a metric, got %q", args)
	}
	metricSelector, err := labels.Parse(selectText)
	if err != nil {
		d.Fatalf(t, "select: %v", err)
	}
	info := cmprovider.CustomMetricInfo{
		GroupResource: schema.ParseGroupResource(resourceOf(args[0])),
		Namespaced:    namespace != "" && args[0] != "namespace",
		Metric:        args[2],
	}
	var list *custom_metrics.MetricValueList
	if d.Cmd == "list" {
		selector, parseErr := labels.Parse(strings.TrimPrefix(args[1], "all"))
		if parseErr != nil {
			d.Fatalf(t, "selector: %v", parseErr)
		}
		list, err = w.provider.GetMetricBySelector(t.Context(), namespace, selector, info, metricSelector)
	} else {
		name := types.NamespacedName{Namespace: namespace, Name: args[1]}
		if args[0] == "namespace" {
			name.Namespace = ""
		}
		var value *custom_metrics.MetricValue
		value, err = w.provider.GetMetricByName(t.Context(), name, info, metricSelector)
		if err == nil {
			list = &custom_metrics.MetricValueList{Items: []custom_metrics.MetricValue{*value}}
		}
	}
	if err != nil {
		var status apierrors.APIStatus
		if !errors.As(err, &status) {
			d.Fatalf(t, "not an API status, and so a 500 to the client: %v", err)
		}
		return fmt.Sprintf("%d: %v", status.Status().Code, err)
	}
	var out strings.Builder
	for _, item := range list.Items {
		window := "-"
		if item.WindowSeconds != nil {
			window = fmt.Sprintf("%ds", *item.WindowSeconds)
		}
		fmt.Fprintf(&out, "%s %s  %s  window %s  age %s\n", item.DescribedObject.Kind, item.DescribedObject.Name,
			item.Value.String(), window, w.now.Sub(item.Timestamp.Time).Round(time.Millisecond))
	}
	return out.String()
}

// resourceOf lets scenarios say "pool" for virtualmachinepools.pool.kubevirt.io.
func resourceOf(kind string) string {
	short := map[string]string{
		"pod":        "pods",
		"vmi":        "virtualmachineinstances.kubevirt.io",
		"vm":         "virtualmachines.kubevirt.io",
		"replicaset": "virtualmachineinstancereplicasets.kubevirt.io",
		"pool":       "virtualmachinepools.pool.kubevirt.io",
		"service":    "services",
		"namespace":  "namespaces",
	}
	if long, ok := short[kind]; ok {
		return long
	}
	return kind
}
