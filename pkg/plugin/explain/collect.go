package explain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"guest-metrics-server/pkg/hpa"
	"guest-metrics-server/pkg/plugin/client"
	"guest-metrics-server/pkg/plugin/guests"
)

// Collector reads what explanations are made of. What the caller may not see is
// noted, and left out.
type Collector struct {
	Clients *client.Clients
	Now     func() time.Time
	// Controller returns the HPA controller of a release of Kubernetes 1.
	Controller func(minor int) hpa.Controller

	controller *hpa.Controller
	unseen     []string
}

// note notes what could not be read.
func (c *Collector) note(what string, err error) {
	if err != nil {
		c.unseen = append(c.unseen, fmt.Sprintf("%s: %v", what, err))
	}
}

// HPA reads an HPA and all that is about it.
func (c *Collector) HPA(ctx context.Context, namespace, name string) (*Snapshot, error) {
	h, err := c.Clients.Kubernetes.AutoscalingV2().HorizontalPodAutoscalers(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	s := c.snapshot(ctx, h, c.guests(ctx, namespace))
	s.Unseen = c.unseen
	return s, nil
}

// snapshot reads what is about an HPA.
func (c *Collector) snapshot(ctx context.Context, h *autoscalingv2.HorizontalPodAutoscaler, members *guests.Namespace) *Snapshot {
	s := &Snapshot{Controller: c.controllerOf(), HPA: h}
	var err error
	if s.Target, err = c.target(ctx, h); err != nil {
		c.note(targetName(h), err)
	}
	if s.Target != nil {
		pods, err := c.Clients.Kubernetes.CoreV1().Pods(h.Namespace).List(ctx, metav1.ListOptions{LabelSelector: s.Target.Selector})
		if err != nil {
			c.note("pods of "+targetName(h), err)
			if s.PodsUnknown = !needsPods(s.metrics()); !s.PodsUnknown {
				s.Target = nil // Without pods the controller's arithmetic would be wrong.
			}
		} else {
			s.Pods = pods.Items
		}
	}
	asker := asker{clients: c.Clients, namespace: h.Namespace, target: s.Target, pods: s.Pods}
	for _, metric := range s.metrics() {
		answer := asker.ask(ctx, metric)
		if members != nil {
			switch {
			case metric.Object != nil:
				answer.Members = members.Of(metric.Object.DescribedObject.Kind, metric.Object.DescribedObject.Name)
			case metric.Pods != nil && s.Target != nil:
				answer.Members = members.InPods(s.Pods)
			}
		}
		s.Answers = append(s.Answers, answer)
	}
	selector := fields.Set{"involvedObject.kind": "HorizontalPodAutoscaler", "involvedObject.name": h.Name}
	if h.UID != "" {
		selector["involvedObject.uid"] = string(h.UID)
	}
	events, err := c.Clients.Kubernetes.CoreV1().Events(h.Namespace).List(ctx, metav1.ListOptions{FieldSelector: selector.AsSelector().String()})
	c.note("events of hpa/"+h.Name, err)
	if err == nil {
		s.Events = events.Items
	}
	s.Time = c.Now()
	return s
}

// needsPods reports whether any metric takes the target's pods into account: all do
// but averages of objects and external series.
func needsPods(metrics []autoscalingv2.MetricSpec) bool {
	return slices.ContainsFunc(metrics, func(m autoscalingv2.MetricSpec) bool {
		switch {
		case m.Object != nil:
			return m.Object.Target.Type != autoscalingv2.AverageValueMetricType
		case m.External != nil:
			return m.External.Target.AverageValue == nil
		default:
			return true
		}
	})
}

// controllerOf is the controller of the cluster's version.
func (c *Collector) controllerOf() hpa.Controller {
	if c.controller != nil {
		return *c.controller
	}
	const newest = 37 // That package hpa was compared with.
	minor := newest
	version, err := c.Clients.Kubernetes.Discovery().ServerVersion()
	if err == nil {
		digits := version.Minor
		for i, r := range digits {
			if r < '0' || r > '9' { // As in "37+".
				digits = digits[:i]
				break
			}
		}
		minor, err = strconv.Atoi(digits)
	}
	if err != nil {
		c.note(fmt.Sprintf("the cluster's version, so the rules of 1.%d are taken", newest), err)
		minor = newest
	}
	c.controller = new(c.Controller(minor))
	return *c.controller
}

// target reads the scale of an HPA's target: by the scale subresource, or where
// that is forbidden, as to who may view, from the object's usual fields.
func (c *Collector) target(ctx context.Context, h *autoscalingv2.HorizontalPodAutoscaler) (*Target, error) {
	ref := h.Spec.ScaleTargetRef
	gvk := schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind)
	mapping, err := c.Clients.Mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return nil, fmt.Errorf("which resource it is: %w", err)
	}
	resource := c.Clients.Dynamic.Resource(mapping.Resource).Namespace(h.Namespace)
	scale, err := resource.Get(ctx, ref.Name, metav1.GetOptions{}, "scale")
	if err == nil {
		return targetOf(scale, "status", "selector")
	}
	if !apierrors.IsForbidden(err) {
		return nil, err
	}
	object, err := resource.Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return targetOf(object, "status", "labelSelector")
}

// targetOf reads a scale, or an object that has its fields. The selector may be one
// of Kubernetes' own kinds instead.
func targetOf(object *unstructured.Unstructured, selectorPath ...string) (*Target, error) {
	spec, _, err := unstructured.NestedInt64(object.Object, "spec", "replicas")
	if err != nil {
		return nil, err
	}
	status, _, err := unstructured.NestedInt64(object.Object, "status", "replicas")
	if err != nil {
		return nil, err
	}
	selector, found, err := unstructured.NestedString(object.Object, selectorPath...)
	if err != nil {
		return nil, err
	}
	if !found {
		fields, found, err := unstructured.NestedMap(object.Object, "spec", "selector")
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, errors.New("it has no selector of pods")
		}
		var labelSelector metav1.LabelSelector
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &labelSelector); err != nil {
			return nil, err
		}
		if selector, err = selectorText(&labelSelector); err != nil {
			return nil, err
		}
	}
	if _, err := labels.Parse(selector); err != nil {
		return nil, fmt.Errorf("its selector of pods: %w", err)
	}
	return &Target{SpecReplicas: int32(spec), StatusReplicas: int32(status), Selector: selector}, nil
}

// guests reads the VMIs of a namespace. It is nil where their metrics cannot be read.
func (c *Collector) guests(ctx context.Context, namespace string) *guests.Namespace {
	all, errs := guests.Read(ctx, c.Clients, namespace)
	for _, err := range errs {
		c.unseen = append(c.unseen, err.Error())
	}
	return all[namespace]
}

// hpas reads the HPAs of a namespace.
func (c *Collector) hpas(ctx context.Context, namespace string) []autoscalingv2.HorizontalPodAutoscaler {
	list, err := c.Clients.Kubernetes.AutoscalingV2().HorizontalPodAutoscalers(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		c.note("horizontalpodautoscalers in namespace "+namespace, err)
		return nil
	}
	return list.Items
}
