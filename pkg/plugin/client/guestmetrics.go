package client

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
)

// GuestMetrics reads guestmetrics.io/v1alpha1.
type GuestMetrics struct {
	client     rest.Interface
	parameters runtime.ParameterCodec
}

func newGuestMetrics(config *rest.Config) (*GuestMetrics, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.APIPath = "/apis"
	config.GroupVersion = &v1alpha1.SchemeGroupVersion
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientFor(config)
	return &GuestMetrics{client, runtime.NewParameterCodec(scheme)}, err
}

const (
	vmiMetrics    = "vmimetrics"
	scrapeTargets = "scrapetargets"

	// pageSize is how many objects one request asks for.
	pageSize = 500
)

// VMIMetrics returns the metrics of a VirtualMachineInstance.
func (c *GuestMetrics) VMIMetrics(ctx context.Context, namespace, name string) (*v1alpha1.VirtualMachineInstanceMetrics, error) {
	metrics := &v1alpha1.VirtualMachineInstanceMetrics{}
	return metrics, c.client.Get().Namespace(namespace).Resource(vmiMetrics).Name(name).Do(ctx).Into(metrics)
}

// ListVMIMetrics returns the metrics of all VirtualMachineInstances of a namespace,
// or of all namespaces for "", whose labels match the selector. It asks for them
// page by page.
func (c *GuestMetrics) ListVMIMetrics(ctx context.Context, namespace, selector string) ([]v1alpha1.VirtualMachineInstanceMetrics, error) {
	var items []v1alpha1.VirtualMachineInstanceMetrics
	options := metav1.ListOptions{LabelSelector: selector, Limit: pageSize}
	for {
		var list v1alpha1.VirtualMachineInstanceMetricsList
		err := c.client.Get().NamespaceIfScoped(namespace, namespace != "").Resource(vmiMetrics).
			VersionedParams(&options, c.parameters).Do(ctx).Into(&list)
		if apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("the cluster does not serve guestmetrics.io; guest-metrics-server does, with the APIService v1alpha1.guestmetrics.io: %w", err)
		}
		if err != nil {
			return nil, err
		}
		items = append(items, list.Items...)
		if options.Continue = list.Continue; options.Continue == "" {
			return items, nil
		}
	}
}

// ListScrapeTargets returns the virt-handlers as the server sees them.
func (c *GuestMetrics) ListScrapeTargets(ctx context.Context) ([]v1alpha1.ScrapeTarget, error) {
	var list v1alpha1.ScrapeTargetList
	err := c.client.Get().Resource(scrapeTargets).Do(ctx).Into(&list)
	return list.Items, err
}
