package main

import (
	"context"
	"encoding/json"
	"errors"
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

	"guest-metrics-server/test/local"
	"guest-metrics-server/test/workload"
)

// demo is the running story.
type demo struct {
	cluster *local.Cluster
	load    *workload.Workload
	kube    kubernetes.Interface
	began   time.Time
	show    func(observation)

	mu  sync.Mutex
	err error
}

// observation is what there is to see at one moment.
type observation struct {
	at       time.Duration // Since the demo began.
	title    string
	work     float64 // Cores.
	guests   []guest
	replicas int
	hpa      hpaView
}

type guest struct {
	workload.Guest
	value  string // As served, "" while unknown.
	window int64
	age    time.Duration
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

func (d *demo) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

func (d *demo) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
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

// steady tells whether the pool has the size that the HPA wants.
func (o observation) steady() bool {
	return len(o.guests) == o.replicas && int(o.hpa.desired) == o.replicas
}

func (d *demo) observe(ctx context.Context, title string) (observation, error) {
	if err := errors.Join(d.cluster.Check(), d.failure()); err != nil {
		return observation{}, err
	}
	o := observation{at: time.Since(d.began), title: title, work: d.load.Cores()}
	guests, err := d.load.Guests(ctx)
	if err != nil {
		return o, err
	}
	values, err := d.values(ctx)
	if err != nil {
		return o, err
	}
	for _, g := range guests {
		shown := guest{Guest: g}
		if v, ok := values[g.Name]; ok {
			shown.value = v.Value.String()
			shown.age = time.Since(v.Timestamp.Time).Truncate(time.Second)
			if v.WindowSeconds != nil {
				shown.window = *v.WindowSeconds
			}
		}
		o.guests = append(o.guests, shown)
	}
	hpa, err := d.kube.AutoscalingV2().HorizontalPodAutoscalers(namespace).Get(ctx, poolName, metav1.GetOptions{})
	if err != nil {
		return o, fmt.Errorf("get the HPA: %w", err)
	}
	o.hpa = viewOf(hpa)
	o.replicas = int(o.hpa.current)
	return o, nil
}

// values asks for the metric of all VMIs of the pool, by their names. While
// none is known there is an error to that effect, and no value.
func (d *demo) values(ctx context.Context) (map[string]v1beta2.MetricValue, error) {
	path := fmt.Sprintf("/apis/custom.metrics.k8s.io/v1beta2/namespaces/%s/virtualmachineinstances.kubevirt.io/*/%s?labelSelector=%s",
		namespace, metric, url.QueryEscape(selector))
	body, err := d.kube.CoreV1().RESTClient().Get().RequestURI(path).DoRaw(ctx)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", metric, err)
	}
	var list v1beta2.MetricValueList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("read the answer for %s: %w", metric, err)
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
		target:  hpa.Spec.Metrics[0].Pods.Target.AverageValue.String(),
	}
	for _, m := range hpa.Status.CurrentMetrics {
		if m.Pods != nil && m.Pods.Current.AverageValue != nil {
			view.value = m.Pods.Current.AverageValue.String()
		}
	}
	for _, c := range hpa.Status.Conditions {
		if c.Type == autoscalingv2.ScalingActive && c.Status != "True" {
			view.condition = strings.TrimPrefix(c.Message, "the HPA was unable to compute the replica count: ")
		}
	}
	return view
}
