//go:build e2e

package hpalive

import (
	"context"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"guest-metrics-server/pkg/hpa"
	"guest-metrics-server/pkg/hpa/autoscaling"
)

// world is the cluster.
type world struct {
	client    kubernetes.Interface
	namespace string
}

// finalizer keeps pods that are deleted.
const finalizer = "guestmetrics.io/stays"

// each calls the function for all HPAs, some at a time.
func (w world) each(t *testing.T, wants []drawn, do func(context.Context, drawn) error) {
	t.Helper()
	queue := make(chan drawn)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for d := range queue {
				if err := do(t.Context(), d); err != nil {
					t.Errorf("%s: %v", d.name, err)
				}
			}
		})
	}
	for _, d := range wants {
		queue <- d
	}
	close(queue)
	workers.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// createTarget makes a ReplicaSet, which no controller looks after here, and its pods.
func (w world) createTarget(ctx context.Context, d drawn) error {
	labels := map[string]string{"app": d.name}
	sets := w.client.AppsV1().ReplicaSets(w.namespace)
	set, err := sets.Create(ctx, &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: d.name},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: &d.replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: container, Image: "none"}}},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	set.Status.Replicas = d.statusReplicas
	if _, err := sets.UpdateStatus(ctx, set, metav1.UpdateOptions{}); err != nil {
		return err
	}
	for _, pod := range d.pods {
		if err := w.createPod(ctx, pod); err != nil {
			return err
		}
	}
	return nil
}

func (w world) createPod(ctx context.Context, pod *corev1.Pod) error {
	pods := w.client.CoreV1().Pods(w.namespace)
	created, err := pods.Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	created.Status = pod.Status
	if _, err := pods.UpdateStatus(ctx, created, metav1.UpdateOptions{}); err != nil {
		return err
	}
	if pod.DeletionTimestamp == nil {
		return nil
	}
	return pods.Delete(ctx, pod.Name, metav1.DeleteOptions{})
}

// awaitPods waits until the controller has seen all pods: an HPA that can decide
// only with a pod that came after all of them has done so.
func (w world) awaitPods(t *testing.T, apis *metricsAPIs) {
	t.Helper()
	const name = "last"
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: container, Image: "none"}}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
	metric := autoscalingv2.MetricSpec{Type: autoscalingv2.PodsMetricSourceType, Pods: &autoscalingv2.PodsMetricSource{
		Metric: autoscalingv2.MetricIdentifier{Name: name + ".0"},
		Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: new(milli(1000))},
	}}
	readings := []hpa.Reading{{Pods: map[string]hpa.PodValue{name: {ValueMilli: 1000}}}}
	apis.add(name, &answers{metrics: []autoscalingv2.MetricSpec{metric}, phases: [2][]hpa.Reading{readings, readings}})
	d := drawn{name: name, replicas: 1, statusReplicas: 1, pods: []*corev1.Pod{pod}}
	d.spec = autoscalingv2.HorizontalPodAutoscalerSpec{ScaleTargetRef: targetOf(name), MaxReplicas: 1, Metrics: []autoscalingv2.MetricSpec{metric}}
	if err := w.createTarget(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if _, err := w.createHPA(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Kubectl(t.Context(), nil, "wait", "-n", w.namespace, "--for=condition=ScalingActive", "--timeout=120s", "hpa/"+name); err != nil {
		t.Fatal(err)
	}
}

// createHPA makes the HPA and returns what pkg/hpa makes of the objects in the API.
func (w world) createHPA(ctx context.Context, d drawn) (input, error) {
	pods, err := w.client.CoreV1().Pods(w.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + d.name})
	if err != nil {
		return input{}, err
	}
	created, err := w.client.AutoscalingV2().HorizontalPodAutoscalers(w.namespace).Create(ctx,
		&autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: d.name}, Spec: d.spec}, metav1.CreateOptions{})
	if err != nil {
		return input{}, err
	}
	spec, err := autoscaling.Spec(created.Spec)
	pointers := make([]*corev1.Pod, len(pods.Items))
	for i := range pods.Items {
		pointers[i] = &pods.Items[i]
	}
	return d.input(spec, pointers), err
}

func kubectl(t *testing.T, args ...string) {
	t.Helper()
	if _, err := cluster.Kubectl(t.Context(), nil, args...); err != nil {
		t.Fatal(err)
	}
}

func kubeClient(t *testing.T) kubernetes.Interface {
	t.Helper()
	config := cluster.RESTConfig()
	config.QPS = -1 // Requests are limited by the number of workers.
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
