package inventory

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"guest-metrics-server/pkg/guesthttp"
)

// WarmupAnnotation on a VMI overrides the server's warm-up: a duration such as
// 3m; 0 lets the VMI count as soon as it is Ready.
const WarmupAnnotation = "guestmetrics.io/warmup"

func convertMeta(o metav1.Object) Meta {
	m := Meta{
		Namespace: o.GetNamespace(),
		Name:      o.GetName(),
		UID:       o.GetUID(),
		Labels:    o.GetLabels(),
		Deleting:  o.GetDeletionTimestamp() != nil,
	}
	if owner := metav1.GetControllerOf(o); owner != nil {
		m.Owner = Owner{Name: owner.Name, UID: owner.UID}
	}
	return m
}

// ConvertVMI cuts a VirtualMachineInstance down to what the inventory keeps.
func ConvertVMI(obj any) (VMI, error) {
	in, ok := obj.(*kubevirtv1.VirtualMachineInstance)
	if !ok {
		return VMI{}, fmt.Errorf("want a VirtualMachineInstance, got %T", obj)
	}
	v := VMI{Meta: convertMeta(in), Node: in.Status.NodeName, Phase: string(in.Status.Phase)}
	for _, c := range in.Status.Conditions {
		switch c.Type {
		case kubevirtv1.VirtualMachineInstancePaused:
			v.Paused = c.Status == corev1.ConditionTrue
		case kubevirtv1.VirtualMachineInstanceAgentConnected:
			v.Agent = c.Status == corev1.ConditionTrue
		case kubevirtv1.VirtualMachineInstanceReady:
			v.Ready = c.Status == corev1.ConditionTrue
			v.ReadyTransition = c.LastTransitionTime.Time
		}
	}
	for _, t := range in.Status.PhaseTransitionTimestamps {
		if t.Phase == kubevirtv1.Running {
			v.RunningSince = t.PhaseTransitionTimestamp.Time
		}
	}
	v.readAnnotations(in.Annotations)
	return v, nil
}

func (v *VMI) readAnnotations(annotations map[string]string) {
	if text, ok := annotations[WarmupAnnotation]; ok {
		warmup, err := time.ParseDuration(text)
		if err == nil && warmup < 0 {
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
		Node:    in.Spec.NodeName,
		Phase:   string(in.Status.Phase),
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
