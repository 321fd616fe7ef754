package inventory

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

const (
	componentLabel = "kubevirt.io"
	virtHandler    = "virt-handler"
	virtLauncher   = "virt-launcher"
)

// Inventory is all that is known of the cluster.
type Inventory struct {
	Store         *Store
	KubeVirt      *KubeVirt
	GuestCAs      *GuestCAs
	NodeAddresses *NodeAddresses
}

// New returns an Inventory of which nothing is known. The clock must have
// monotonic readings.
func New(warmups Warmups, now func() time.Time) Inventory {
	return Inventory{
		Store:         NewStore(warmups, now),
		KubeVirt:      NewKubeVirt(),
		GuestCAs:      NewGuestCAs(),
		NodeAddresses: NewNodeAddresses(),
	}
}

// Watcher keeps an Inventory in step with the Kubernetes API.
type Watcher struct {
	Inventory
	follower  *kubeVirtFollower
	core      kubernetes.Interface
	metadata  metadata.Interface
	dynamic   dynamic.Interface
	discovery discovery.DiscoveryInterface
	report    func(*VMI, Problem)

	mu       sync.Mutex
	watching []watching
}

type watching struct {
	what   string
	synced func() bool
}

// NewWatcher returns a Watcher that feeds the inventory. With an empty
// kubevirtNamespace it follows where KubeVirt is deployed. Problems of VMIs are
// reported as they appear.
func NewWatcher(config *rest.Config, inventory Inventory, kubevirtNamespace string, report func(*VMI, Problem)) (*Watcher, error) {
	core, err := kubernetes.NewForConfig(inProtobuf(config))
	if err != nil {
		return nil, fmt.Errorf("make a client of the Kubernetes API: %w", err)
	}
	metadataClient, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for objects' metadata: %w", err)
	}
	dynamicClient, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for KubeVirt objects: %w", err)
	}
	follower := newKubeVirtFollower(inventory.KubeVirt, kubevirtNamespace)
	return &Watcher{
		Inventory: inventory,
		follower:  follower,
		core:      core,
		metadata:  metadataClient,
		dynamic:   dynamicClient,
		discovery: core.Discovery(),
		report:    report,
		watching: []watching{
			{"KubeVirt's namespace", func() bool { return inventory.KubeVirt.Namespace() != "" }},
			{"configmap " + caConfigMap, follower.synced},
		},
	}, nil
}

// inProtobuf lets a client ask for protobuf, which Kubernetes has for its own
// objects. A pod is decoded in a tenth of the time that JSON takes.
func inProtobuf(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	return config
}

// Run feeds the inventory until the context ends.
func (w *Watcher) Run(ctx context.Context) {
	var wg wait.Group
	defer wg.Wait()

	vmis := newFeed(convertVMI, w.putVMI, w.Store.DeleteVMI)
	reflect(ctx, w, &wg, "virtualmachineinstances", &vmiObject{}, vmis, listWatchVMIs(w.core.CoreV1().RESTClient()))
	pods := newFeed(ConvertPod, w.putPod, w.deletePod)
	reflect(ctx, w, &wg, "pods", &corev1.Pod{}, pods, cache.NewFilteredListWatchFromClient(
		w.core.CoreV1().RESTClient(), "pods", "", func(o *metav1.ListOptions) {
			o.LabelSelector = componentLabel + " in (" + virtLauncher + "," + virtHandler + ")"
		}))
	services := newFeed(convertService, w.Store.PutService, w.Store.DeleteService)
	reflect(ctx, w, &wg, "services", &corev1.Service{}, services, cache.NewListWatchFromClient(
		w.core.CoreV1().RESTClient(), "services", "", fields.Everything()))
	nodes := newFeed(convertNode,
		func(n node) { w.NodeAddresses.set(n.Name, n.addresses) },
		func(_, name string) { w.NodeAddresses.set(name, nil) })
	reflect(ctx, w, &wg, "nodes", &corev1.Node{}, nodes, cache.NewListWatchFromClient(
		w.core.CoreV1().RESTClient(), "nodes", "", fields.Everything()))
	guestCAs := newFeed(convertBundle(GuestCAKey),
		func(b caBundle) { w.GuestCAs.Set(b.Namespace, b.pem) },
		func(namespace, _ string) { w.GuestCAs.Set(namespace, nil) })
	reflect(ctx, w, &wg, "configmaps "+GuestCAConfigMap, &corev1.ConfigMap{}, guestCAs, cache.NewListWatchFromClient(
		w.core.CoreV1().RESTClient(), "configmaps", "", fields.OneTermEqualSelector("metadata.name", GuestCAConfigMap)))
	for _, kind := range owners {
		objects := newFeed(convertObject,
			func(o Object) { w.Store.PutObject(kind, o) },
			func(namespace, name string) { w.Store.DeleteObject(kind, namespace, name) })
		reflect(ctx, w, &wg, kind.Resource, &metav1.PartialObjectMetadata{}, objects, w.metadataOf(kind.GroupResource))
	}

	w.follower.run(ctx, &wg, w, pods.synced.Load)
}

func reflect[T row](ctx context.Context, w *Watcher, wg *wait.Group, what string, example any, f *feed[T], lw *cache.ListWatch) {
	w.mu.Lock()
	w.watching = append(w.watching, watching{what, f.synced.Load})
	w.mu.Unlock()
	startReflector(ctx, wg, what, example, f, lw)
}

func startReflector[T row](ctx context.Context, wg *wait.Group, what string, example any, f *feed[T], lw *cache.ListWatch) {
	reflector := cache.NewReflectorWithOptions(lw, example, f, cache.ReflectorOptions{Name: what})
	wg.StartWithContext(ctx, reflector.RunWithContext)
}

// Missing returns what has not been read from the API yet; nothing when the
// inventory is complete.
func (w *Watcher) Missing() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var missing []string
	for _, f := range w.watching {
		if !f.synced() {
			missing = append(missing, f.what)
		}
	}
	return missing
}

// metadataOf lists and watches the metadata of a resource in the version that
// the API server prefers: KubeVirt 1.6 serves pools in another version than
// later ones, and their metadata is the same.
func (w *Watcher) metadataOf(resource schema.GroupResource) *cache.ListWatch {
	client := func() (metadata.Getter, error) {
		groups, err := w.discovery.ServerGroups()
		if err != nil {
			return nil, fmt.Errorf("ask for the served API groups: %w", err)
		}
		i := slices.IndexFunc(groups.Groups, func(g metav1.APIGroup) bool { return g.Name == resource.Group })
		if i < 0 {
			return nil, fmt.Errorf("the API server does not serve %s: is KubeVirt 1.6 or later installed?", resource)
		}
		return w.metadata.Resource(resource.WithVersion(groups.Groups[i].PreferredVersion.Version)), nil
	}
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			c, err := client()
			if err != nil {
				return nil, err
			}
			return c.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			c, err := client()
			if err != nil {
				return nil, err
			}
			return c.Watch(ctx, o)
		},
	}
}

// putVMI stores a VMI and reports the problems that it did not have before.
func (w *Watcher) putVMI(v VMI) {
	before := w.Store.VMI(v.Namespace, v.Name)
	w.Store.PutVMI(v)
	for _, p := range v.Problems {
		if before == nil || before.UID != v.UID || !slices.Contains(before.Problems, p) {
			w.report(&v, p)
		}
	}
}

func (w *Watcher) putPod(p Pod) {
	if p.Labels[componentLabel] == virtHandler {
		w.KubeVirt.PutPod(p)
		return
	}
	w.Store.PutPod(p)
}

// deletePod forgets a pod, whichever it was.
func (w *Watcher) deletePod(namespace, name string) {
	w.KubeVirt.DeletePod(namespace, name)
	w.Store.DeletePod(namespace, name)
}

// caBundle is a ConfigMap with the certificates of an authority.
type caBundle struct {
	Meta
	pem []byte
}

func convertBundle(key string) func(any) (caBundle, error) {
	return func(obj any) (caBundle, error) {
		in, ok := obj.(*corev1.ConfigMap)
		if !ok {
			return caBundle{}, fmt.Errorf("want a ConfigMap, got %T", obj)
		}
		return caBundle{Meta: convertMeta(in), pem: []byte(in.Data[key])}, nil
	}
}
