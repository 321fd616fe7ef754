package inventory

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"guest-metrics-server/pkg/guesthttp"
)

// WarmupAnnotation on a VMI overrides the server's warm-up: a duration such as
// 3m; 0 lets the VMI count as soon as it is Ready.
const WarmupAnnotation = "guestmetrics.io/warmup"

func convertMeta(o metav1.Object) Meta {
	m := Meta{
		Namespace: intern(o.GetNamespace()),
		Name:      o.GetName(),
		UID:       o.GetUID(),
		Labels:    internAll(o.GetLabels()),
		Deleting:  o.GetDeletionTimestamp() != nil,
	}
	if owner := metav1.GetControllerOf(o); owner != nil {
		m.Owner = Owner{Name: owner.Name, UID: owner.UID}
	}
	return m
}

func convertVMI(obj any) (VMI, error) {
	in, ok := obj.(*vmiObject)
	if !ok {
		return VMI{}, fmt.Errorf("want a VirtualMachineInstance, got %T", obj)
	}
	v := VMI{Meta: convertMeta(&in.Metadata), Node: intern(in.Status.NodeName), Phase: intern(in.Status.Phase)}
	for _, c := range in.Status.Conditions {
		isTrue := c.Status == string(metav1.ConditionTrue)
		switch c.Type {
		case "Paused":
			v.Paused = isTrue
		case "AgentConnected":
			v.Agent = isTrue
		case "Ready":
			v.Ready, v.ReadyTransition = isTrue, c.Transition
		}
	}
	probe := in.Spec.ReadinessProbe
	v.Probed = probe.HTTPGet != nil || probe.TCPSocket != nil || probe.Exec != nil
	for _, p := range in.Status.Phases {
		if p.Phase == running {
			v.RunningSince = p.Since
		}
	}
	v.ReadAnnotations(in.Metadata.Annotations)
	return v, nil
}

// maxWarmupBytes is more than any duration needs.
const maxWarmupBytes = 60

// ReadAnnotations takes from a VMI's annotations the warm-up, the endpoint, and
// what of them is not understood.
func (v *VMI) ReadAnnotations(annotations map[string]string) {
	if text, ok := annotations[WarmupAnnotation]; ok {
		warmup, err := time.ParseDuration(text)
		switch {
		case len(text) > maxWarmupBytes:
			err = fmt.Errorf("%.20q and more, %d bytes", text, len(text)) // An event would repeat all of it.
		case err == nil && warmup < 0:
			err = fmt.Errorf("%s is negative", text)
		}
		if err != nil {
			v.Problems = append(v.Problems, Problem{WarmupAnnotation, fmt.Sprintf("want a duration such as 90s or 3m: %v", err)})
		} else {
			v.Warmup = &warmup
		}
	}
	if !guesthttp.Annotated(annotations) {
		return
	}
	endpoint, err := guesthttp.ParseAnnotations(annotations)
	var problem *guesthttp.AnnotationError
	if errors.As(err, &problem) {
		v.Problems = append(v.Problems, Problem{problem.Annotation, problem.Err.Error()})
		return
	}
	v.Endpoint = &endpoint
}

// ConvertPod cuts a pod down to what the inventory keeps.
func ConvertPod(obj any) (Pod, error) {
	in, ok := obj.(*corev1.Pod)
	if !ok {
		return Pod{}, fmt.Errorf("want a Pod, got %T", obj)
	}
	p := Pod{
		Meta:    convertMeta(in),
		Node:    intern(in.Spec.NodeName),
		Phase:   intern(string(in.Status.Phase)),
		IP:      in.Status.PodIP,
		Created: in.CreationTimestamp.Time,
	}
	for _, c := range in.Spec.Containers {
		for _, port := range c.Ports {
			if port.Name == "metrics" {
				p.Port = port.ContainerPort
			}
		}
	}
	return p, nil
}

func convertService(obj any) (Service, error) {
	in, ok := obj.(*corev1.Service)
	if !ok {
		return Service{}, fmt.Errorf("want a Service, got %T", obj)
	}
	return Service{Meta: convertMeta(in), Selector: in.Spec.Selector}, nil
}

func convertObject(obj any) (Object, error) {
	in, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return Object{}, fmt.Errorf("want PartialObjectMetadata, got %T", obj)
	}
	return Object{Meta: convertMeta(in)}, nil
}

func convertNode(obj any) (node, error) {
	in, ok := obj.(*corev1.Node)
	if !ok {
		return node{}, fmt.Errorf("want a Node, got %T", obj)
	}
	n := node{Meta: convertMeta(in)}
	n.Labels = nil // Of no use.
	for _, a := range in.Status.Addresses {
		if address, err := netip.ParseAddr(a.Address); err == nil { // Some are host names.
			n.addresses = append(n.addresses, address.Unmap())
		}
	}
	return n, nil
}
