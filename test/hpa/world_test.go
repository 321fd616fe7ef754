// Package hpa holds pkg/hpa against Kubernetes' own HPA controller: the real one,
// with the real calculator of replicas, in a cluster that consists of one HPA.
package hpa

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	autoscalinginformers "k8s.io/client-go/informers/autoscaling/v2"
	coreinformers "k8s.io/client-go/informers/core/v1"
	autoscalingclient "k8s.io/client-go/kubernetes/typed/autoscaling/v2"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	autoscalinglisters "k8s.io/client-go/listers/autoscaling/v2"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"

	"guest-metrics-server/pkg/hpa"
)

const (
	namespace = "default"
	name      = "web"
)

// world is the cluster that the real controller sees, and what it did there. A
// sync is done when synctest.Wait returns, so nothing here needs a lock.
type world struct {
	hpas, pods cache.Indexer
	handler    cache.ResourceEventHandler // the controller's, of HPAs
	scale      autoscalingv1.Scale
	readings   []hpa.Reading
	asked      int // of readings, in this sync
	// proposed is the highest of the metrics' proposals, which the controller logs.
	proposed *int32
}

// newWorld starts a controller. It syncs when told to, not by itself.
func newWorld(ctx context.Context, flags hpa.Controller) *world {
	byNamespace := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	w := &world{
		hpas: cache.NewIndexer(cache.MetaNamespaceKeyFunc, byNamespace),
		pods: cache.NewIndexer(cache.MetaNamespaceKeyFunc, byNamespace),
	}
	w.scale = autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Status:     autoscalingv1.ScaleStatus{Selector: "app=web"},
	}
	ctx = klog.NewContext(ctx, logr.New(logSink{world: w}))
	controller := podautoscaler.NewHorizontalController(ctx,
		events{}, scales{w: w}, statuses{w: w}, mapper{}, metricsClient{w: w}, hpaInformer{w: w}, podInformer{w: w},
		never, flags.DownscaleStabilization, flags.Tolerance, flags.CPUInitializationPeriod, flags.InitialReadinessDelay)
	go controller.Run(ctx, 1)
	return w
}

const never = 100_000 * time.Hour

// apply changes the HPA and the rest of the world, and makes the controller sync.
func (w *world) apply(spec autoscalingv2.HorizontalPodAutoscalerSpec, state hpa.State, pods []*corev1.Pod) error {
	w.scale.Spec.Replicas = state.SpecReplicas
	w.scale.Status.Replicas = state.StatusReplicas
	w.readings, w.asked, w.proposed = state.Readings, 0, nil
	objects := make([]any, len(pods))
	for i, pod := range pods {
		objects[i] = pod
	}
	if err := w.pods.Replace(objects, ""); err != nil {
		return err
	}
	after := w.hpa().DeepCopy()
	if after == nil {
		after = &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	}
	after.Spec = spec
	after.Status = autoscalingv2.HorizontalPodAutoscalerStatus{Conditions: scaledToZero(after.Status.Conditions)}
	if err := w.hpas.Update(after); err != nil {
		return err
	}
	w.handler.OnAdd(after, false) // A new HPA is synced at once.
	return nil
}

// scaledToZero is the one condition that the controller reads itself. Without the
// others nothing of an earlier sync can be taken for this one's.
func scaledToZero(conditions []autoscalingv2.HorizontalPodAutoscalerCondition) []autoscalingv2.HorizontalPodAutoscalerCondition {
	return slices.DeleteFunc(conditions, func(c autoscalingv2.HorizontalPodAutoscalerCondition) bool {
		return c.Type != autoscalingv2.ScaledToZero
	})
}

// hpa returns the HPA with the status that the controller wrote.
func (w *world) hpa() *autoscalingv2.HorizontalPodAutoscaler {
	object, exists, err := w.hpas.GetByKey(namespace + "/" + name)
	if err != nil || !exists {
		return nil
	}
	return object.(*autoscalingv2.HorizontalPodAutoscaler)
}

// next returns the next metric's reading: the controller reads them in order.
func (w *world) next() (hpa.Reading, error) {
	if w.asked == len(w.readings) {
		return hpa.Reading{}, fmt.Errorf("the controller reads more than %d metrics", len(w.readings))
	}
	w.asked++
	return w.readings[w.asked-1], w.readings[w.asked-1].Err
}

// metricsClient answers with the world's readings.
type metricsClient struct{ w *world }

func (c metricsClient) GetResourceMetric(context.Context, corev1.ResourceName, string, labels.Selector, string) (metrics.PodMetricsInfo, time.Time, error) {
	return c.podMetrics()
}

func (c metricsClient) GetRawMetric(string, string, labels.Selector, labels.Selector) (metrics.PodMetricsInfo, time.Time, error) {
	return c.podMetrics()
}

func (c metricsClient) podMetrics() (metrics.PodMetricsInfo, time.Time, error) {
	reading, err := c.w.next()
	info := metrics.PodMetricsInfo{}
	for pod, value := range reading.Pods {
		info[pod] = metrics.PodMetric{Value: value.ValueMilli, Timestamp: value.Timestamp, Window: value.Window}
	}
	return info, time.Time{}, err
}

func (c metricsClient) GetObjectMetric(string, string, *autoscalingv2.CrossVersionObjectReference, labels.Selector) (int64, time.Time, error) {
	reading, err := c.w.next()
	if err != nil {
		return 0, time.Time{}, err
	}
	return reading.ValuesMilli[0], time.Time{}, nil
}

func (c metricsClient) GetExternalMetric(string, string, labels.Selector) ([]int64, time.Time, error) {
	reading, err := c.w.next()
	return reading.ValuesMilli, time.Time{}, err
}

// The rest is what else a controller needs of a cluster. Each embeds the whole
// interface, and panics when the controller calls what is not expected of it.

type hpaInformer struct {
	autoscalinginformers.HorizontalPodAutoscalerInformer
	w *world
}

func (i hpaInformer) Informer() cache.SharedIndexInformer {
	return informer{store: i.w.hpas, handler: &i.w.handler}
}

func (i hpaInformer) Lister() autoscalinglisters.HorizontalPodAutoscalerLister {
	return autoscalinglisters.NewHorizontalPodAutoscalerLister(i.w.hpas)
}

type podInformer struct {
	coreinformers.PodInformer
	w *world
}

func (i podInformer) Informer() cache.SharedIndexInformer { return informer{store: i.w.pods} }
func (i podInformer) Lister() corelisters.PodLister       { return corelisters.NewPodLister(i.w.pods) }

type informer struct {
	cache.SharedIndexInformer
	store   cache.Indexer
	handler *cache.ResourceEventHandler
}

func (i informer) AddEventHandlerWithResyncPeriod(handler cache.ResourceEventHandler, _ time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	*i.handler = handler
	return nil, nil
}

func (i informer) GetStore() cache.Store { return i.store }
func (i informer) HasSynced() bool       { return true }

// scales is the target's scale subresource.
type scales struct {
	scale.ScaleInterface
	w *world
}

func (s scales) Scales(string) scale.ScaleInterface { return s }

func (s scales) Get(context.Context, schema.GroupResource, string, metav1.GetOptions) (*autoscalingv1.Scale, error) {
	return s.w.scale.DeepCopy(), nil
}

func (s scales) Update(_ context.Context, _ schema.GroupResource, scale *autoscalingv1.Scale, _ metav1.UpdateOptions) (*autoscalingv1.Scale, error) {
	s.w.scale = *scale.DeepCopy()
	return scale, nil
}

// statuses takes the HPA's status.
type statuses struct {
	autoscalingclient.HorizontalPodAutoscalerInterface
	w *world
}

func (s statuses) HorizontalPodAutoscalers(string) autoscalingclient.HorizontalPodAutoscalerInterface {
	return s
}

func (s statuses) UpdateStatus(_ context.Context, updated *autoscalingv2.HorizontalPodAutoscaler, _ metav1.UpdateOptions) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	current := s.w.hpa().DeepCopy()
	current.Status = *updated.Status.DeepCopy()
	return current, s.w.hpas.Update(current)
}

// mapper knows one kind.
type mapper struct{ meta.RESTMapper }

func (mapper) RESTMappings(schema.GroupKind, ...string) ([]*meta.RESTMapping, error) {
	return []*meta.RESTMapping{{Resource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}}}, nil
}

// events takes events and forgets them.
type events struct{ coreclient.EventInterface }

func (e events) Events(string) coreclient.EventInterface { return e }

func (events) CreateWithEventNamespace(event *corev1.Event) (*corev1.Event, error) { return event, nil }
func (events) PatchWithEventNamespace(event *corev1.Event, _ []byte) (*corev1.Event, error) {
	return event, nil
}

// logSink reads what the controller says of its proposals, and drops the rest.
type logSink struct{ world *world }

func (logSink) Init(logr.RuntimeInfo)            {}
func (logSink) Enabled(level int) bool           { return level == 4 }
func (logSink) Error(error, string, ...any)      {}
func (s logSink) WithValues(...any) logr.LogSink { return s }
func (s logSink) WithName(string) logr.LogSink   { return s }
func (s logSink) Info(_ int, message string, kv ...any) {
	if !strings.HasPrefix(message, "Proposing desired replicas") {
		return
	}
	for i := 0; i+1 < len(kv); i += 2 {
		if replicas, ok := kv[i+1].(int32); ok && kv[i] == "desiredReplicas" {
			s.world.proposed = &replicas
		}
	}
}
