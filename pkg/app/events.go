package app

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"

	"guest-metrics-server/pkg/inventory"
)

// events records Kubernetes Events about VMIs: what only their owners can correct,
// or want to know. Events can be lost: they are sent in the background and dropped in a storm.
type events struct {
	recorder record.EventRecorder
	problems prometheus.Counter
}

func newEvents(ctx context.Context, config *rest.Config) (*events, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for events: %w", err)
	}
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	return &events{
		recorder: broadcaster.NewRecorder(runtime.NewScheme(), corev1.EventSource{Component: "guest-metrics-server"}),
		problems: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guest_metrics_server_annotation_problems_total",
			Help: "Annotations of VMIs that could not be understood, as they appeared.",
		}),
	}, nil
}

// problem records an annotation that is not understood.
func (e *events) problem(v *inventory.VMI, p inventory.Problem) {
	e.problems.Inc()
	e.recorder.Eventf(reference(v), corev1.EventTypeWarning, "AnnotationNotUnderstood", "annotation %s: %s", p.Annotation, p.Why)
}

// detected records which counter requests are read from.
func (e *events) detected(v *inventory.VMI, counter string) {
	e.recorder.Eventf(reference(v), corev1.EventTypeNormal, "StatusPageDetected", "HTTP requests are counted by %s", counter)
}

func reference(v *inventory.VMI) *corev1.ObjectReference {
	return &corev1.ObjectReference{
		APIVersion: inventory.VMIs.APIVersion, Kind: inventory.VMIs.Kind,
		Namespace: v.Namespace, Name: v.Name, UID: v.UID,
	}
}
