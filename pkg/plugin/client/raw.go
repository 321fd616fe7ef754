package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
)

// Raw gets any path of the API server, as kubectl get --raw does.
type Raw struct{ client rest.Interface }

func newRaw(config *rest.Config) (*Raw, error) {
	config = rest.CopyConfig(config)
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(config)
	return &Raw{client}, err
}

// Get returns the body of a path with its query. An error is an
// apierrors.APIStatus with the server's message where the server sent one.
func (r *Raw) Get(ctx context.Context, path string) ([]byte, error) {
	result := r.client.Get().RequestURI(path).Do(ctx)
	if err := result.Error(); err != nil {
		return nil, err
	}
	return result.Raw()
}

// GetJSON decodes the body of a path.
func (r *Raw) GetJSON(ctx context.Context, path string, into any) error {
	body, err := r.Get(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the answer of %s: %w", path, err)
	}
	return nil
}

// CustomMetrics returns the values of a path that CustomMetricPath made.
func (r *Raw) CustomMetrics(ctx context.Context, path string) ([]v1beta2.MetricValue, error) {
	var list v1beta2.MetricValueList
	err := r.GetJSON(ctx, path, &list)
	return list.Items, err
}

// CustomMetricPath is where the HPA controller asks for a metric of an object of a
// resource, such as services or virtualmachinepools.pool.kubevirt.io, or of all
// objects ("*") that the selector matches. metricSelector is an HPA's
// metric.selector. Of a namespace the resource is "namespaces", and the name is not used.
func CustomMetricPath(namespace, resource, name, metric, selector, metricSelector string) string {
	path := "/apis/custom.metrics.k8s.io/v1beta2/namespaces/" + url.PathEscape(namespace)
	if resource == "namespaces" {
		path += "/metrics/" + url.PathEscape(metric)
	} else {
		path += "/" + resource + "/" + url.PathEscape(name) + "/" + url.PathEscape(metric)
	}
	query := url.Values{}
	if selector != "" {
		query.Set("labelSelector", selector)
	}
	if metricSelector != "" {
		query.Set("metricLabelSelector", metricSelector)
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path
}
