package custom_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guest-metrics-server/pkg/api/custom"
	"guest-metrics-server/pkg/apiserver/servertest"
	"guest-metrics-server/pkg/evaluate"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/reason"
)

// answers knows the value of each object but one, and puts the query into the
// object's name.
type answers struct{}

func (answers) Answer(q evaluate.Query) ([]evaluate.Value, error) {
	if q.Name == "cold" {
		return nil, &evaluate.NotFoundError{Message: "it is paused", Causes: []reason.Cause{{Code: reason.Paused, Count: 1, Example: "Paused"}}}
	}
	asked := fmt.Sprintf("%s/%s, selector %v, metric.selector %q", q.Namespace, q.Name, q.Selector, q.MetricSelector)
	return []evaluate.Value{{Name: asked, Reading: metric.Reading{
		Value: 1.5, Span: 30 * time.Second, At: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC),
	}}}, nil
}

const prefix = "/apis/custom.metrics.k8s.io/"

func TestAnswers(t *testing.T) {
	s := servertest.Open(t, custom.NewHandler(answers{}).API())
	for _, test := range []struct {
		name, path string
		code       int
		want       string
	}{
		{
			"pods by selector, as an HPA of type Pods asks",
			"v1beta2/namespaces/shop/pods/%2A/guest_load_1m?labelSelector=app%3Dweb&metricLabelSelector=a%3Db",
			http.StatusOK,
			`{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta2","metadata":{},"items":[` +
				`{"describedObject":{"kind":"Pod","namespace":"shop","name":"shop/, selector app=web, metric.selector \"a=b\"","apiVersion":"v1"},` +
				`"metric":{"name":"guest_load_1m","selector":{"matchExpressions":[{"key":"a","operator":"In","values":["b"]}]}},` +
				`"timestamp":"2026-07-01T12:00:00Z","windowSeconds":30,"value":"1500m"}]}`,
		},
		{
			"one object, as an HPA of type Object asks",
			"v1beta2/namespaces/shop/virtualmachinepools.pool.kubevirt.io/web/guest_cpu_usage_cores",
			http.StatusOK,
			`{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta2","metadata":{},"items":[` +
				`{"describedObject":{"kind":"VirtualMachinePool","namespace":"shop","name":"shop/web, selector \u003cnil\u003e, metric.selector \"\"","apiVersion":"pool.kubevirt.io/v1beta1"},` +
				`"metric":{"name":"guest_cpu_usage_cores","selector":null},` +
				`"timestamp":"2026-07-01T12:00:00Z","windowSeconds":30,"value":"1500m"}]}`,
		},
		{
			"a namespace",
			"v1beta2/namespaces/shop/metrics/guest_cpu_usage_cores",
			http.StatusOK,
			`{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta2","metadata":{},"items":[` +
				`{"describedObject":{"kind":"Namespace","name":"shop/, selector \u003cnil\u003e, metric.selector \"\"","apiVersion":"v1"},` +
				`"metric":{"name":"guest_cpu_usage_cores","selector":null},` +
				`"timestamp":"2026-07-01T12:00:00Z","windowSeconds":30,"value":"1500m"}]}`,
		},
		{
			"one object, in the older version",
			"v1beta1/namespaces/shop/pods/web-0/guest_load_1m",
			http.StatusOK,
			`{"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta1","metadata":{},"items":[` +
				`{"describedObject":{"kind":"Pod","namespace":"shop","name":"shop/web-0, selector \u003cnil\u003e, metric.selector \"\"","apiVersion":"v1"},` +
				`"metricName":"guest_load_1m",` +
				`"timestamp":"2026-07-01T12:00:00Z","window":30,"value":"1500m","selector":null}]}`,
		},
		{
			"an unknown value with an error that says why",
			"v1beta2/namespaces/shop/pods/cold/guest_load_1m",
			http.StatusNotFound,
			`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"it is paused","reason":"NotFound","details":{"causes":[{"reason":"paused","message":"1: Paused"}]},"code":404}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, body := servertest.Get(t, s.URL+prefix+test.path, "application/json")
			var got bytes.Buffer
			if err := json.Compact(&got, []byte(body)); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			if diff := cmp.Diff(test.want, got.String()); code != test.code || diff != "" {
				t.Errorf("status %d, want %d; -want +got:\n%s", code, test.code, diff)
			}
		})
	}
}
