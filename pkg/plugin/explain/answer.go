package explain

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	externalv1beta1 "k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"guest-metrics-server/pkg/hpa"
	"guest-metrics-server/pkg/plugin/client"
)

// asker asks for metrics as the HPA controller does (k8s.io/kubernetes,
// pkg/controller/podautoscaler/metrics/client.go).
type asker struct {
	clients   *client.Clients
	namespace string
	target    *Target // nil where it is not known
	pods      []corev1.Pod
}

// ask returns the answer for one metric. What goes wrong is the reading's error.
func (a asker) ask(ctx context.Context, metric autoscalingv2.MetricSpec) Answer {
	path, err := a.path(metric)
	answer := Answer{Path: path}
	if err == nil {
		err = a.read(ctx, metric, &answer)
	}
	if err != nil {
		answer.Reading = hpa.Reading{Err: err}
	}
	return answer
}

// path is the path of the controller's request.
func (a asker) path(metric autoscalingv2.MetricSpec) (string, error) {
	if metric.Object == nil && metric.External == nil && a.target == nil {
		return "", errors.New("the target's selector is not known")
	}
	switch {
	case metric.Pods != nil:
		selector, err := selectorText(metric.Pods.Metric.Selector)
		return client.CustomMetricPath(a.namespace, "pods", "*", metric.Pods.Metric.Name, a.target.Selector, selector), err
	case metric.Object != nil:
		selector, err := selectorText(metric.Object.Metric.Selector)
		if err != nil {
			return "", err
		}
		resource, err := a.resourceOf(metric.Object.DescribedObject)
		return client.CustomMetricPath(a.namespace, resource, metric.Object.DescribedObject.Name, metric.Object.Metric.Name, "", selector), err
	case metric.External != nil:
		selector, err := selectorText(metric.External.Metric.Selector)
		path := "/apis/external.metrics.k8s.io/v1beta1/namespaces/" + url.PathEscape(a.namespace) + "/" + url.PathEscape(metric.External.Metric.Name)
		if selector != "" {
			path += "?" + url.Values{"labelSelector": {selector}}.Encode()
		}
		return path, err
	case metric.Resource != nil || metric.ContainerResource != nil:
		return "/apis/metrics.k8s.io/v1beta1/namespaces/" + url.PathEscape(a.namespace) + "/pods?" + url.Values{"labelSelector": {a.target.Selector}}.Encode(), nil
	default:
		return "", fmt.Errorf("a metric of the unknown type %q", metric.Type)
	}
}

func selectorText(selector *metav1.LabelSelector) (string, error) {
	if selector == nil {
		return "", nil
	}
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return "", fmt.Errorf("the metric's selector: %w", err)
	}
	return s.String(), nil
}

// resourceOf is the resource of an object as custom metrics paths name it.
func (a asker) resourceOf(object autoscalingv2.CrossVersionObjectReference) (string, error) {
	gvk := schema.FromAPIVersionAndKind(object.APIVersion, object.Kind)
	mapping, err := a.clients.Mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return "", fmt.Errorf("which resource %s %s is: %w", object.APIVersion, object.Kind, err)
	}
	return mapping.Resource.GroupResource().String(), nil
}

func (a asker) read(ctx context.Context, metric autoscalingv2.MetricSpec, answer *Answer) error {
	switch {
	case metric.External != nil:
		return a.readExternal(ctx, answer)
	case metric.Resource != nil:
		return a.readResource(ctx, metric.Resource.Name, "", answer)
	case metric.ContainerResource != nil:
		return a.readResource(ctx, metric.ContainerResource.Name, metric.ContainerResource.Container, answer)
	}
	values, err := a.clients.Raw.CustomMetrics(ctx, answer.Path)
	if err != nil {
		return err
	}
	if len(values) == 0 {
		return errors.New("the answer has no value")
	}
	answer.Timestamp = values[0].Timestamp.Time
	if seconds := values[0].WindowSeconds; seconds != nil {
		answer.Window = time.Duration(*seconds) * time.Second
	}
	if metric.Object != nil {
		if len(values) > 1 {
			return fmt.Errorf("the answer has %d values, and the controller takes exactly one", len(values))
		}
		answer.Reading.ValuesMilli = []int64{values[0].Value.MilliValue()}
		return nil
	}
	answer.Reading.Pods = make(map[string]hpa.PodValue, len(values))
	for _, v := range values {
		answer.Reading.Pods[v.DescribedObject.Name] = hpa.PodValue{ValueMilli: v.Value.MilliValue()}
	}
	return nil
}

func (a asker) readExternal(ctx context.Context, answer *Answer) error {
	var list externalv1beta1.ExternalMetricValueList
	if err := a.clients.Raw.GetJSON(ctx, answer.Path, &list); err != nil {
		return err
	}
	if len(list.Items) == 0 {
		return errors.New("the answer has no value")
	}
	answer.Timestamp = list.Items[0].Timestamp.Time
	for _, v := range list.Items {
		answer.Reading.ValuesMilli = append(answer.Reading.ValuesMilli, v.Value.MilliValue())
	}
	return nil
}

// readResource reads what pods, or one container of each, use and request. A pod
// whose usage is not complete has no value.
func (a asker) readResource(ctx context.Context, resource corev1.ResourceName, container string, answer *Answer) error {
	var list metricsv1beta1.PodMetricsList
	if err := a.clients.Raw.GetJSON(ctx, answer.Path, &list); err != nil {
		return err
	}
	if len(list.Items) == 0 {
		return errors.New("the answer has no pod")
	}
	answer.Timestamp, answer.Window = list.Items[0].Timestamp.Time, list.Items[0].Window.Duration
	answer.Reading.Pods = make(map[string]hpa.PodValue)
	for _, pod := range list.Items {
		if used, ok := usageOf(pod, resource, container); ok {
			answer.Reading.Pods[pod.Name] = hpa.PodValue{ValueMilli: used, Timestamp: pod.Timestamp.Time, Window: pod.Window.Duration}
		}
	}
	answer.Reading.RequestsMilli = make(map[string]int64)
	for i := range a.pods {
		if requested, ok := requestOf(&a.pods[i], resource, container); ok {
			answer.Reading.RequestsMilli[a.pods[i].Name] = requested
		}
	}
	return nil
}

// usageOf is getPodMetrics and getContainerMetrics of the controller.
func usageOf(pod metricsv1beta1.PodMetrics, resource corev1.ResourceName, container string) (milli int64, ok bool) {
	for _, c := range pod.Containers {
		if container != "" && c.Name != container {
			continue
		}
		used, found := c.Usage[resource]
		if !found {
			return 0, false
		}
		milli, ok = milli+used.MilliValue(), true
	}
	return milli, ok
}

// requestOf is calculateRequests of the controller (replica_calculator.go): what a
// pod requests as a whole, or all of its containers that run beside each other.
func requestOf(pod *corev1.Pod, resource corev1.ResourceName, container string) (milli int64, ok bool) {
	if r := pod.Spec.Resources; container == "" && r != nil && len(r.Requests) > 0 {
		if requested, found := r.Requests[resource]; found {
			return requested.MilliValue(), true
		}
	}
	containers := pod.Spec.Containers
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			containers = append(containers[:len(containers):len(containers)], c)
		}
	}
	for _, c := range containers {
		if container != "" && c.Name != container {
			continue
		}
		requested, found := c.Resources.Requests[resource]
		if !found {
			return 0, false
		}
		milli, ok = milli+requested.MilliValue(), true
	}
	return milli, ok || container == ""
}
