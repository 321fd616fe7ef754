package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

const (
	caConfigMap = "kubevirt-ca"
	caKey       = "ca-bundle"

	// chooseInterval is how often it is considered which KubeVirt is the cluster's.
	// What decides comes from three watches, and a choice costs next to nothing.
	chooseInterval = 500 * time.Millisecond
)

var kubevirts = schema.GroupVersionResource{Group: VMIs.Group, Version: "v1", Resource: "kubevirts"}

// kubeVirtFollower says which KubeVirt is the cluster's, and follows when another
// one becomes it.
type kubeVirtFollower struct {
	kubevirt  *KubeVirt
	namespace string // What the operator of the cluster says, "" if he says nothing.

	mu          sync.Mutex
	objects     map[types.NamespacedName]kubeVirtObject
	authorities map[string]*authority // Of namespaces with a KubeVirt that may be chosen.
	chosen      string                // Namespace, "" without one.
	said        string                // What was logged last.
}

// kubeVirtObject is what the API says of a KubeVirt object.
type kubeVirtObject struct {
	Meta
	phase   string
	created time.Time
}

// authority is what a namespace's virt-handlers are verified with.
type authority struct {
	stop context.CancelFunc // Of the watch.
	feed *feed[caBundle]
	pem  []byte
}

func newKubeVirtFollower(kubevirt *KubeVirt, namespace string) *kubeVirtFollower {
	return &kubeVirtFollower{
		kubevirt:    kubevirt,
		namespace:   namespace,
		objects:     make(map[types.NamespacedName]kubeVirtObject),
		authorities: make(map[string]*authority),
	}
}

// synced reports whether the chosen KubeVirt's authority has been read, or is
// known not to be there.
func (f *kubeVirtFollower) synced() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.authorities[f.chosen]
	return a != nil && a.feed.synced.Load()
}

// run follows until the context ends. It chooses nothing before all pods are known.
func (f *kubeVirtFollower) run(ctx context.Context, wg *wait.Group, w *Watcher, podsSynced func() bool) {
	watchAuthority := func(ctx context.Context, namespace string, feed *feed[caBundle]) {
		startReflector(ctx, wg, "configmap "+caConfigMap, &corev1.ConfigMap{}, feed, cache.NewListWatchFromClient(
			w.core.CoreV1().RESTClient(), "configmaps", namespace, fields.OneTermEqualSelector("metadata.name", caConfigMap)))
	}
	if f.namespace != "" {
		f.follow(ctx, watchAuthority, []kubeVirt{{namespace: f.namespace}})
		return
	}
	client := w.dynamic.Resource(kubevirts)
	objects := newFeed(convertKubeVirt, f.put, f.remove)
	reflect(ctx, w, wg, kubevirts.Resource, &unstructured.Unstructured{}, objects, &cache.ListWatch{
		ListWithContextFunc:  func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return client.List(ctx, o) },
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) { return client.Watch(ctx, o) },
	})
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		if objects.synced.Load() && podsSynced() {
			f.follow(ctx, watchAuthority, f.all())
		}
	}, chooseInterval)
}

func convertKubeVirt(obj any) (kubeVirtObject, error) {
	in, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return kubeVirtObject{}, fmt.Errorf("want an unstructured KubeVirt, got %T", obj)
	}
	phase, _, _ := unstructured.NestedString(in.Object, "status", "phase") // No error may refuse the list for one object.
	return kubeVirtObject{Meta: convertMeta(in), phase: phase, created: in.GetCreationTimestamp().Time}, nil
}

func (f *kubeVirtFollower) put(o kubeVirtObject) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.objects[types.NamespacedName{Namespace: o.Namespace, Name: o.Name}] = o
}

func (f *kubeVirtFollower) remove(namespace, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.objects, types.NamespacedName{Namespace: namespace, Name: name})
}

// all returns a KubeVirt for each namespace with an object, in the order of names.
func (f *kubeVirtFollower) all() []kubeVirt {
	virtHandlers := f.kubevirt.podNamespaces()
	f.mu.Lock()
	defer f.mu.Unlock()
	found := make(map[string]kubeVirt)
	for _, o := range f.objects {
		k := kubeVirt{namespace: o.Namespace, phase: o.phase, created: o.created, virtHandlers: virtHandlers[o.Namespace]}
		if a := f.authorities[o.Namespace]; a != nil {
			k.authority = len(a.pem) > 0
		}
		if other, ok := found[o.Namespace]; !ok || other.phase != deployed {
			found[o.Namespace] = k
		}
	}
	all := make([]kubeVirt, 0, len(found))
	for _, k := range found {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b kubeVirt) int { return strings.Compare(a.namespace, b.namespace) })
	return all
}

// follow chooses one of all KubeVirts.
func (f *kubeVirtFollower) follow(ctx context.Context, watchAuthority func(context.Context, string, *feed[caBundle]), all []kubeVirt) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range all {
		mayBeChosen := k.phase == deployed || len(all) == 1
		if _, ok := f.authorities[k.namespace]; mayBeChosen && !ok {
			a := f.newAuthority(k.namespace)
			watching, stop := context.WithCancel(ctx)
			a.stop = stop
			watchAuthority(watching, k.namespace, a.feed)
		} else if !mayBeChosen {
			f.dropAuthority(k.namespace)
		}
	}
	for namespace := range f.authorities {
		if !slices.ContainsFunc(all, func(k kubeVirt) bool { return k.namespace == namespace }) {
			f.dropAuthority(namespace)
		}
	}
	chosen, why := chooseKubeVirt(all)
	f.choose(chosen.namespace)
	f.say(ctx, all, chosen, why)
}

func (f *kubeVirtFollower) newAuthority(namespace string) *authority {
	a := &authority{}
	set := func(pem []byte) {
		f.mu.Lock()
		defer f.mu.Unlock()
		a.pem = pem
		if f.chosen == namespace && f.authorities[namespace] == a {
			f.kubevirt.Set(namespace, pem)
		}
	}
	a.feed = newFeed(convertBundle(caKey), func(b caBundle) { set(b.pem) }, func(_, _ string) { set(nil) })
	f.authorities[namespace] = a
	return a
}

func (f *kubeVirtFollower) dropAuthority(namespace string) {
	if a := f.authorities[namespace]; a != nil {
		a.stop()
		delete(f.authorities, namespace)
	}
}

func (f *kubeVirtFollower) choose(namespace string) {
	if f.chosen == namespace {
		return
	}
	f.chosen = namespace
	var pem []byte
	if a := f.authorities[namespace]; a != nil {
		pem = a.pem
	}
	f.kubevirt.Set(namespace, pem)
}

// say logs what was chosen and why, when that changes.
func (f *kubeVirtFollower) say(ctx context.Context, all []kubeVirt, chosen kubeVirt, why string) {
	now := chosen.namespace
	switch len(all) {
	case 0:
		now = "none"
	case 1:
	default:
		now += " of " + describe(all)
	}
	if f.said == now {
		return
	}
	f.said = now
	logger := klog.FromContext(ctx)
	switch {
	case len(all) == 0:
		logger.Info("Waiting for a KubeVirt object: KubeVirt is not installed")
	case len(all) == 1:
		logger.Info("KubeVirt's namespace is known", "namespace", chosen.namespace)
	case why == "":
		logger.Info("Waiting for one of several KubeVirts to be deployed; --kubevirt-namespace would name the right one", "found", describe(all))
	default:
		logger.Info("Chose one of several KubeVirts; --kubevirt-namespace would name the right one",
			"chosen", chosen.namespace, "why", why, "found", describe(all))
	}
}
