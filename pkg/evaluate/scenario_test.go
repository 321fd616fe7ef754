package evaluate_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"

	"guest-metrics-server/pkg/api/custom"
	"guest-metrics-server/pkg/evaluate"
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

// ask sends a query to the API and renders the answer.
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
	path := "namespaces/" + namespace + "/" + resourceOf(args[0]) + "/" + args[1] + "/" + args[2]
	query := url.Values{"metricLabelSelector": {selectText}}
	switch {
	case args[0] == "namespace":
		path = "namespaces/" + args[1] + "/metrics/" + args[2]
	case d.Cmd == "list":
		path = "namespaces/" + namespace + "/" + resourceOf(args[0]) + "/*/" + args[2]
		query.Set("labelSelector", strings.TrimPrefix(args[1], "all"))
	}
	if namespace == "" {
		path = strings.TrimPrefix(path, "namespaces//")
	}
	list, status := w.get(t, path, query)
	if status != nil {
		return fmt.Sprintf("%d: %s", status.Code, status.Message)
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

// get asks the API, and returns the values or the error that it answers.
func (w *world) get(t testing.TB, path string, query url.Values) (v1beta2.MetricValueList, *metav1.Status) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/apis/custom.metrics.k8s.io/v1beta2/"+path+"?"+query.Encode(), nil)
	response := httptest.NewRecorder()
	w.api.ServeHTTP(response, request)
	var list v1beta2.MetricValueList
	var status metav1.Status
	var into any = &list
	if response.Code != http.StatusOK {
		into = &status
	}
	if err := json.Unmarshal(response.Body.Bytes(), into); err != nil {
		t.Fatalf("%s: %d, %v: %s", path, response.Code, err, response.Body)
	}
	if response.Code != http.StatusOK {
		return list, &status
	}
	return list, nil
}

// apiOf serves a version of the API without authentication and authorization.
func apiOf(p *evaluate.Evaluator) http.Handler {
	infos := &request.RequestInfoFactory{APIPrefixes: sets.NewString("apis"), GrouplessAPIPrefixes: sets.NewString()}
	return filters.WithRequestInfo(custom.NewHandler(p).API().Versions[0].Handler, infos)
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
