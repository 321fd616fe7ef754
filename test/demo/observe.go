package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"

	"guest-metrics-server/test/debian"
	"guest-metrics-server/test/local"
)

// demo is the running story.
type demo struct {
	cluster     *local.Cluster
	state       string       // A directory.
	plugin      string       // The program of kubectl guest-metrics.
	nginx       *debian.Root // Nil where there is none, for the reason that follows.
	noNginx     error
	began       time.Time
	interactive bool
	kube        kubernetes.Interface

	mu  sync.Mutex
	err error // Of what runs beside the story.
}

// observation is what there is to see at one moment.
type observation struct {
	at       time.Duration // Since the demo began.
	step     step
	guests   []guest
	replicas int
	hpa      hpaView
}

// guest is a VMI with what it does and what is served of it.
type guest struct {
	name, node string
	does       float64 // In the metric's unit.
	value      string  // As served, "" while unknown.
	window     int64
	age        time.Duration
}

type hpaView struct {
	current, desired, min, max int32
	value, target              string
	condition                  string // Why it cannot scale, if it cannot.
}

func (d *demo) connect() error {
	var err error
	d.kube, err = kubernetes.NewForConfig(d.cluster.RESTConfig())
	return err
}

// known returns the number of guests whose load is served.
func (o observation) known() int {
	n := 0
	for _, g := range o.guests {
		if g.value != "" {
			n++
		}
	}
	return n
}

// started, grown and shrunk tell how far the story is.
func (o observation) started() bool { return o.known() >= startSize }
func (o observation) grown() bool {
	return o.replicas > startSize && o.steady() && o.known() == o.replicas
}
func (o observation) shrunk() bool { return o.replicas == startSize && o.steady() }

// steady reports whether the pool has the size that the HPA wants.
func (o observation) steady() bool {
	return len(o.guests) == o.replicas && int(o.hpa.desired) == o.replicas
}

func (d *demo) observe(ctx context.Context, a act, s step) (observation, error) {
	o := observation{at: time.Since(d.began), step: s}
	var err error
	if o.guests, err = a.load.Guests(ctx); err != nil {
		return o, err
	}
	values, err := d.values(ctx, a)
	if err != nil {
		return o, err
	}
	for i := range o.guests {
		if v, ok := values[o.guests[i].name]; ok {
			o.guests[i].read(v)
		}
	}
	hpa, err := d.kube.AutoscalingV2().HorizontalPodAutoscalers(namespace).Get(ctx, a.pool, metav1.GetOptions{})
	if err != nil {
		return o, fmt.Errorf("get the HPA: %w", err)
	}
	o.hpa = viewOf(hpa)
	o.replicas = int(o.hpa.current)
	return o, nil
}

// read takes over what is served.
func (g *guest) read(v v1beta2.MetricValue) {
	g.value = v.Value.String()
	g.age = time.Since(v.Timestamp.Time).Truncate(time.Second)
	if v.WindowSeconds != nil {
		g.window = *v.WindowSeconds
	}
}

// values asks for the metric of all VMIs of an act's pool, by their names. While
// none is known there is an error to that effect, and no value.
func (d *demo) values(ctx context.Context, a act) (map[string]v1beta2.MetricValue, error) {
	path := fmt.Sprintf("/apis/custom.metrics.k8s.io/v1beta2/namespaces/%s/virtualmachineinstances.kubevirt.io/*/%s?labelSelector=%s",
		namespace, a.metric, url.QueryEscape(selectorOf(a.pool)))
	body, err := d.kube.CoreV1().RESTClient().Get().RequestURI(path).DoRaw(ctx)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", a.metric, err)
	}
	var list v1beta2.MetricValueList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("read the answer for %s: %w", a.metric, err)
	}
	values := make(map[string]v1beta2.MetricValue, len(list.Items))
	for _, v := range list.Items {
		values[v.DescribedObject.Name] = v
	}
	return values, nil
}

func viewOf(hpa *autoscalingv2.HorizontalPodAutoscaler) hpaView {
	view := hpaView{
		current: hpa.Status.CurrentReplicas,
		desired: hpa.Status.DesiredReplicas,
		min:     *hpa.Spec.MinReplicas,
		max:     hpa.Spec.MaxReplicas,
		target:  hpa.Spec.Metrics[0].Object.Target.AverageValue.String(),
	}
	for _, m := range hpa.Status.CurrentMetrics {
		if m.Object != nil && m.Object.Current.AverageValue != nil {
			view.value = m.Object.Current.AverageValue.String()
		}
	}
	for _, c := range hpa.Status.Conditions {
		if c.Type == autoscalingv2.ScalingActive && c.Status != "True" {
			view.condition = strings.TrimPrefix(c.Message, "the HPA was unable to compute the replica count: ")
		}
	}
	return view
}
