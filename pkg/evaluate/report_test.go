package evaluate_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"

	"guest-metrics-server/pkg/api"
	"guest-metrics-server/pkg/api/guestmetrics"
	"guest-metrics-server/pkg/apiserver/servertest"
	"guest-metrics-server/pkg/evaluate"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
)

// A report has the same values and reasons as a query for each metric.
func TestReportAgreesWithQueries(t *testing.T) {
	w := newWorld(t)
	for _, line := range []string{
		"vmi busy", "guest busy busy=50 vcpus=2",
		"vmi paused paused=true", "guest paused busy=50",
		"vmi web http=port:80", "guest web", "http web rate=7",
		"vmi scheduling phase=Scheduling",
		"vmi lost node=n2", "guest lost busy=50",
		"run 90s",
		"vmi young ready=0s", "guest young busy=50",
		"node n2 fails=connection_refused", "run 90s",
		"vmi fresh", "guest fresh busy=20", "run 15s",
	} {
		if err := w.step(line); err != nil {
			t.Fatal(err)
		}
	}
	type outcome struct {
		Reading metric.Reading
		Code    string
	}
	known := make(map[string]int)
	reports, more := w.evaluator.Reports(inventory.Page{Limit: 100, Match: func(*inventory.VMI) bool { return true }})
	if more || len(reports) != len(w.vmis) {
		t.Fatalf("%d reports of %d VMIs, more: %t", len(reports), len(w.vmis), more)
	}
	for _, r := range reports {
		name := r.VMI.Name
		single, ok := w.evaluator.Report(defaultNamespace, name)
		if diff := cmp.Diff(r.Results, single.Results, cmp.Comparer(sameMetric)); !ok || diff != "" {
			t.Errorf("%s, -of a page +by name:\n%s", name, diff)
		}
		want, got := make(map[string]outcome), make(map[string]outcome)
		for _, m := range metric.All() {
			values, err := w.evaluator.Answer(evaluate.Query{
				Kind: inventory.VMIs, Namespace: defaultNamespace, Name: name, Metric: m, MetricSelector: labels.Everything(),
			})
			want[m.Name] = outcome{}
			if err != nil {
				want[m.Name] = outcome{Code: fmt.Sprint(err)}
			} else {
				want[m.Name] = outcome{Reading: values[0].Reading}
			}
		}
		for _, result := range r.Results {
			if result.Unknown == nil {
				known[name]++
				got[result.Metric.Name] = outcome{Reading: result.Reading}
				continue
			}
			text := fmt.Sprintf("%s of VirtualMachineInstance default/%s is unknown (%s): %s", result.Metric.Name, name, result.Unknown.Code, result.Unknown)
			got[result.Metric.Name] = outcome{Code: text}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, -queries +report:\n%s", name, diff)
		}
	}
	if _, ok := w.evaluator.Report(defaultNamespace, "nobody"); ok {
		t.Error("there is a report of a VMI that is not there")
	}
	busy, _ := w.evaluator.Report(defaultNamespace, "busy")
	lost, _ := w.evaluator.Report(defaultNamespace, "lost")
	if busy.VCPUs != 2 || lost.VCPUs != 0 {
		t.Errorf("busy has %d vCPUs and lost has %d, want 2 and none known", busy.VCPUs, lost.VCPUs)
	}
	if known["busy"] == 0 || known["web"] == 0 || known["paused"]+known["scheduling"]+known["lost"] > 0 {
		t.Errorf("known metrics by VMI: %v", known)
	}
}

func sameMetric(a, b *metric.Metric) bool { return a == b }

// BenchmarkReports lists the first 500 of 10,000 VMIs, in a namespace that has
// 10,000 more.
func BenchmarkReports(b *testing.B) {
	w := benchWorld(b, 10_000)
	page := inventory.Page{Namespace: defaultNamespace, Limit: 500, Match: func(v *inventory.VMI) bool { return v.Labels["app"] == "pool-0" }}
	b.ReportAllocs()
	for b.Loop() {
		reports, more := w.evaluator.Reports(page)
		if !more || len(reports) != page.Limit || reports[0].Results[0].Unknown != nil {
			b.Fatalf("%d reports, more: %t", len(reports), more)
		}
	}
}

// BenchmarkListOfVMIMetrics answers a request for the same page, as JSON and as
// the table that kubectl prints.
func BenchmarkListOfVMIMetrics(b *testing.B) {
	w := benchWorld(b, 10_000)
	targets := func() []guestmetrics.Target { return nil }
	served := guestmetrics.Config{VMIs: w.evaluator, Targets: targets, Now: func() time.Time { return w.now }}.API()
	handler := servertest.Handler(b, func() error { return nil }, []api.Group{served}, servertest.Everybody)
	for form, accept := range map[string]string{"json": "application/json", "table": "application/json;as=Table;v=v1;g=meta.k8s.io"} {
		b.Run(form, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				request := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/apis/guestmetrics.io/v1alpha1/namespaces/default/vmimetrics?limit=500&labelSelector=app%3Dpool-0", nil)
				request.Header.Set("Accept", accept)
				recorder := httptest.NewRecorder()
				handler.ServeHTTP(recorder, request)
				if recorder.Code != http.StatusOK {
					b.Fatal(recorder.Body)
				}
				b.ReportMetric(float64(recorder.Body.Len()), "B/response")
			}
		})
	}
}
