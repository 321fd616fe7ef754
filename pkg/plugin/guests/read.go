package guests

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
	"guest-metrics-server/pkg/plugin/client"
)

// The resources of KubeVirt that VMIs belong by.
var (
	VMIResource = schema.GroupVersionResource{Group: "kubevirt.io", Version: "v1", Resource: "virtualmachineinstances"}
	VMResource  = schema.GroupVersionResource{Group: "kubevirt.io", Version: "v1", Resource: "virtualmachines"}
)

// Read reads the VMIs of a namespace, or of all for "", by namespace. The errors say
// what could not be read; the VMIs of what needs it are not known then. Without the
// VMIs' metrics there is nothing at all.
func Read(ctx context.Context, clients *client.Clients, namespace string) (map[string]*Namespace, []error) {
	where := "in namespace " + namespace
	if namespace == "" {
		where = "in all namespaces"
	}
	all, unread := make(map[string]*Namespace), make(map[string]bool)
	in := func(namespace string) *Namespace {
		if all[namespace] == nil {
			all[namespace] = &Namespace{unread: unread}
		}
		return all[namespace]
	}
	in(namespace)
	var errs []error
	note := func(what string, err error) {
		unread[what] = true
		errs = append(errs, fmt.Errorf("%s %s: %w", what, where, err))
	}
	metrics, err := clients.GuestMetrics.ListVMIMetrics(ctx, namespace, "")
	if err != nil {
		note("vmimetrics", err)
		return nil, errs
	}
	slices.SortStableFunc(metrics, func(a, b v1alpha1.VirtualMachineInstanceMetrics) int { return cmp.Compare(a.Name, b.Name) })
	for _, m := range metrics {
		in(m.Namespace).Metrics = append(in(m.Namespace).Metrics, m)
	}
	for _, resource := range []schema.GroupVersionResource{VMIResource, VMResource} {
		list, err := clients.Metadata.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			note(resource.Resource, err)
			continue
		}
		for _, o := range list.Items {
			into := &in(o.Namespace).VMIs
			if resource == VMResource {
				into = &in(o.Namespace).VMs
			}
			*into = append(*into, o)
		}
	}
	services, err := clients.Kubernetes.CoreV1().Services(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		note("services", err)
	} else {
		for _, s := range services.Items {
			in(s.Namespace).Services = append(in(s.Namespace).Services, s)
		}
	}
	pods, err := clients.Kubernetes.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "kubevirt.io=virt-launcher"})
	if err != nil {
		note("pods", err)
	} else {
		for _, p := range pods.Items {
			in(p.Namespace).Pods = append(in(p.Namespace).Pods, p)
		}
	}
	return all, errs
}
