package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"kubevirt.io/client-go/kubevirt"
)

// byGuest indexes launcher pods by namespace/name of the VMI that controls them.
const byGuest = "guest"

// guests looks after every VMI and its launcher pods. Keys are namespace/name of
// VMIs, and one worker takes them one by one, so that no step needs a lock.
type guests struct {
	kube  kubernetes.Interface
	virt  kubevirt.Interface
	pods  cache.SharedIndexInformer
	vmis  cache.SharedIndexInformer
	queue workqueue.TypedRateLimitingInterface[string]

	addresses map[string]netip.Addr // of the nodes' virt-handlers
	placement *placement
	nextPodIP netip.Addr
	podCIDR   netip.Prefix
}

func newGuests(kube kubernetes.Interface, virt kubevirt.Interface, nodes []node, podCIDR netip.Prefix) *guests {
	g := &guests{
		kube: kube, virt: virt,
		pods: newPodInformer(kube),
		vmis: newVMIInformer(virt),
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[string](20*time.Millisecond, time.Second)),
		addresses: map[string]netip.Addr{},
		placement: newPlacement(nodes),
		nextPodIP: podCIDR.Masked().Addr().Next(),
		podCIDR:   podCIDR,
	}
	for _, n := range nodes {
		g.addresses[n.name] = n.address
	}
	return g
}

// run works until the context ends.
func (g *guests) run(ctx context.Context) error {
	enqueue := func(keyOf func(any) string) cache.ResourceEventHandler {
		return cache.ResourceEventHandlerFuncs{
			AddFunc:    func(obj any) { g.queue.Add(keyOf(obj)) },
			UpdateFunc: func(_, obj any) { g.queue.Add(keyOf(obj)) },
			DeleteFunc: func(obj any) {
				if unknown, ok := obj.(cache.DeletedFinalStateUnknown); ok {
					obj = unknown.Obj
				}
				g.queue.Add(keyOf(obj))
			},
		}
	}
	if _, err := g.pods.AddEventHandler(enqueue(guestOf)); err != nil {
		return fmt.Errorf("watch launcher pods: %w", err)
	}
	if _, err := g.vmis.AddEventHandler(enqueue(keyOf)); err != nil {
		return fmt.Errorf("watch VMIs: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{}, 2)
	for _, informer := range []cache.SharedIndexInformer{g.pods, g.vmis} {
		go func() { informer.RunWithContext(ctx); ended <- struct{}{} }()
	}
	defer func() { <-ended; <-ended }()
	defer cancel()
	if !cache.WaitForCacheSync(ctx.Done(), g.pods.HasSynced, g.vmis.HasSynced) {
		return nil // asked to stop
	}
	stop := context.AfterFunc(ctx, g.queue.ShutDown)
	defer stop()
	for g.work(ctx) {
	}
	return nil
}

func (g *guests) work(ctx context.Context) bool {
	key, shutdown := g.queue.Get()
	if shutdown {
		return false
	}
	defer g.queue.Done(key)
	err := g.sync(ctx, key)
	if err == nil {
		g.queue.Forget(key)
		return true
	}
	// The caches lag behind our own writes: these two are no news.
	if ctx.Err() == nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		klog.FromContext(ctx).Error(err, "Trying again", "vmi", key)
	}
	g.queue.AddRateLimited(key)
	return true
}

// sync brings a VMI and its launcher pods a step further.
func (g *guests) sync(ctx context.Context, key string) error {
	var vmi *kubevirtv1.VirtualMachineInstance
	if obj, exists, err := g.vmis.GetStore().GetByKey(key); err != nil {
		return err
	} else if exists {
		vmi = obj.(*kubevirtv1.VirtualMachineInstance)
	}
	pods, err := g.pods.GetIndexer().ByIndex(byGuest, key)
	if err != nil {
		return err
	}
	g.placement.forgetGone(key, pods)
	var active *corev1.Pod
	for _, obj := range pods {
		pod := obj.(*corev1.Pod)
		var owner *kubevirtv1.VirtualMachineInstance
		if vmi != nil && metav1.IsControlledBy(pod, vmi) {
			owner = vmi
		}
		if err := g.syncPod(ctx, key, pod, owner); err != nil {
			return fmt.Errorf("launcher pod %s: %w", pod.Name, err)
		}
		if owner != nil && pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodRunning &&
			pod.Spec.NodeName == vmi.Status.NodeName {
			active = pod
		}
	}
	if vmi != nil {
		return g.syncVMI(ctx, vmi, active)
	}
	return nil
}

func newPodInformer(kube kubernetes.Interface) cache.SharedIndexInformer {
	launchers := func(options *metav1.ListOptions) { options.LabelSelector = kubevirtv1.AppLabel + "=virt-launcher" }
	pods := cache.NewFilteredListWatchFromClient(kube.CoreV1().RESTClient(), "pods", metav1.NamespaceAll, launchers)
	return cache.NewSharedIndexInformer(pods, &corev1.Pod{}, 0,
		cache.Indexers{byGuest: func(obj any) ([]string, error) { return []string{guestOf(obj)}, nil }})
}

func newVMIInformer(virt kubevirt.Interface) cache.SharedIndexInformer {
	vmis := cache.NewListWatchFromClient(virt.KubevirtV1().RESTClient(), "virtualmachineinstances", metav1.NamespaceAll, fields.Everything())
	return cache.NewSharedIndexInformer(vmis, &kubevirtv1.VirtualMachineInstance{}, 0, cache.Indexers{})
}

// has tells whether a node is one of ours.
func (g *guests) has(node string) bool {
	_, ok := g.addresses[node]
	return ok
}

func keyOf(obj any) string {
	return cache.MetaObjectToName(obj.(metav1.Object)).String()
}

// guestOf returns the key of the VMI that controls a launcher pod.
func guestOf(obj any) string {
	pod := obj.(*corev1.Pod)
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return keyOf(obj)
	}
	return cache.NewObjectName(pod.Namespace, owner.Name).String()
}
