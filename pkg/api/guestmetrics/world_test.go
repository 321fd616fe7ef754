package guestmetrics_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/api/guestmetrics"
	"guest-metrics-server/pkg/apiserver/servertest"
	"guest-metrics-server/pkg/evaluate"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/reason"
)

const root = "/apis/guestmetrics.io/v1alpha1/"

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// vmis are the VMIs of an inventory, of which two metrics are known unless they
// are excluded.
type vmis struct{ *inventory.Store }

func (v vmis) Report(namespace, name string) (evaluate.Report, bool) {
	members, exists := v.Members(inventory.VMIs, namespace, name)
	if !exists {
		return evaluate.Report{}, false
	}
	return report(members[0]), true
}

func (v vmis) Reports(page inventory.Page) ([]evaluate.Report, bool) {
	members, more := v.Page(page)
	var reports []evaluate.Report
	for _, m := range members {
		reports = append(reports, report(m))
	}
	return reports, more
}

func report(m inventory.Member) evaluate.Report {
	r := evaluate.Report{Member: m}
	for _, known := range []struct {
		metric string
		metric.Reading
	}{
		{metric.CPUUsage, metric.Reading{Value: 1.254, At: noon.Add(-12 * time.Second), Span: 29250 * time.Millisecond}},
		{"guest_cpu_utilization_percent", metric.Reading{Value: 62.7, At: noon.Add(-12 * time.Second), Span: 29250 * time.Millisecond}},
		{"guest_memory_used_bytes", metric.Reading{Value: 3 << 28, At: noon.Add(-12 * time.Second)}},
	} {
		result := evaluate.Result{Metric: metric.Lookup(known.metric), Reading: known.Reading, Unknown: m.Excluded}
		r.Results = append(r.Results, result)
	}
	if m.Excluded == nil {
		r.VCPUs = 2
	}
	r.Results = append(r.Results, evaluate.Result{
		Metric: metric.Lookup(metric.HTTPRequests), Unknown: reason.Errorf(reason.NoEndpoint, "no annotation"),
	})
	return r
}

// cluster has VMIs shop/web-0, shop/web-1 and bank/vault-0 that count, and
// shop/young, which is not Ready.
func cluster(t *testing.T, more ...string) *httptest.Server {
	t.Helper()
	store := inventory.NewStore(inventory.Warmups{Standard: time.Minute}, func() time.Time { return noon })
	for _, key := range append([]string{"shop/web-1", "shop/web-0", "bank/vault-0", "shop/young"}, more...) {
		namespace, name, _ := strings.Cut(key, "/")
		app, _, _ := strings.Cut(name, "-")
		v := inventory.VMI{
			Meta: inventory.Meta{Namespace: namespace, Name: name, UID: types.UID(name + "-uid"), Labels: map[string]string{"app": app}},
			Node: "n1", Phase: "Running", Ready: true, RunningSince: noon.Add(-time.Hour), ReadyTransition: noon.Add(-59 * time.Minute),
		}
		if name == "young" {
			v.Ready, v.RunningSince, v.ReadyTransition = false, noon, noon.Add(-time.Second)
		}
		store.PutVMI(v)
		store.PutPod(inventory.Pod{
			Meta: inventory.Meta{Namespace: namespace, Name: "virt-launcher-" + name, Owner: inventory.Owner{Name: name, UID: v.UID}}, Node: "n1", Phase: "Running",
		})
	}
	return servertest.Open(t, guestmetrics.Config{VMIs: vmis{store}, Targets: targets, Replica: "server-1", Now: func() time.Time { return noon }}.API())
}

func targets() []guestmetrics.Target {
	return []guestmetrics.Target{
		{Node: "n1", URL: "https://192.0.2.1:8443/metrics", Tried: true, Last: noon.Add(-3 * time.Second), LastSuccess: noon.Add(-3 * time.Second), Duration: 1234 * time.Millisecond, VMIs: 4},
		{Node: "n2", URL: "https://192.0.2.2:8443/metrics", Tried: true, Last: noon.Add(-5 * time.Second), LastSuccess: noon.Add(-time.Minute), Duration: time.Millisecond, VMIs: 1, Err: errors.New("connection refused"), Partly: errors.New("a line could not be read")},
		{Node: "n3", URL: "https://192.0.2.3:8443/metrics"},
		{Node: "n4", URL: "https://192.0.2.4:8443/metrics", Tried: true, Last: noon, LastSuccess: noon, VMIs: 2, Partly: errors.New("a line could not be read")},
	}
}

// get decodes an answer of the given status.
func get[T any](t *testing.T, url, accept string, status int) T {
	t.Helper()
	code, body := servertest.Get(t, url, accept)
	var object T
	if err := json.Unmarshal([]byte(body), &object); err != nil || code != status {
		t.Fatalf("%s answers %d, want %d, %v: %s", url, code, status, err, body)
	}
	return object
}

// send returns the status and the body of the answer to another verb.
func send(t *testing.T, method, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var status struct{ Kind, Message, Reason string }
	if err := json.NewDecoder(response.Body).Decode(&status); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, fmt.Sprintf("%s %s: %s", status.Kind, status.Reason, status.Message)
}
