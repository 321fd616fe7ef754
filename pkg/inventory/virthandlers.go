package inventory

import (
	"cmp"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

const defaultMetricsPort = 8443

// KubeVirt is what is known of the cluster's KubeVirt: where its own pods run,
// and how its virt-handlers are found and verified. All methods are safe for
// concurrent use.
type KubeVirt struct {
	changed chan struct{}

	mu           sync.RWMutex
	namespace    string
	caBundle     []byte
	virtHandlers map[types.NamespacedName]Pod
}

// NewKubeVirt returns a KubeVirt of which nothing is known.
func NewKubeVirt() *KubeVirt {
	return &KubeVirt{changed: make(chan struct{}, 1), virtHandlers: make(map[types.NamespacedName]Pod)}
}

// Set says where KubeVirt's own pods run, "" if that is not known, and the PEM
// certificates that its virt-handlers are verified with. Pods of other
// namespaces are never scraped, whatever their labels say.
func (k *KubeVirt) Set(namespace string, caBundle []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.namespace != namespace {
		k.namespace = namespace
		signal(k.changed)
	}
	k.caBundle = caBundle
}

// CABundle returns the PEM certificates that virt-handlers are verified with.
func (k *KubeVirt) CABundle() []byte {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.caBundle
}

// Namespace returns where KubeVirt's own pods run, "" if not known yet.
func (k *KubeVirt) Namespace() string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.namespace
}

// PutPod adds a virt-handler pod or replaces what is known of it.
func (k *KubeVirt) PutPod(p Pod) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.virtHandlers[types.NamespacedName{Namespace: p.Namespace, Name: p.Name}] = p
	signal(k.changed)
}

// DeletePod forgets a virt-handler pod.
func (k *KubeVirt) DeletePod(namespace, name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := types.NamespacedName{Namespace: namespace, Name: name}
	if _, ok := k.virtHandlers[key]; ok {
		delete(k.virtHandlers, key)
		signal(k.changed)
	}
}

// Target is a virt-handler to scrape.
type Target struct {
	Node string
	IP   string
	Port int32
}

// Targets returns the virt-handler of each node, in the order of node names.
func (k *KubeVirt) Targets() []Target {
	k.mu.RLock()
	defer k.mu.RUnlock()
	newest := make(map[string]Pod)
	for _, p := range k.virtHandlers {
		if p.Namespace != k.namespace || p.Phase != running || p.Deleting || p.IP == "" {
			continue
		}
		if other, ok := newest[p.Node]; !ok || p.Created.After(other.Created) {
			newest[p.Node] = p
		}
	}
	targets := make([]Target, 0, len(newest))
	for node, p := range newest {
		targets = append(targets, Target{Node: node, IP: p.IP, Port: cmp.Or(p.Port, defaultMetricsPort)})
	}
	slices.SortFunc(targets, func(a, b Target) int { return cmp.Compare(a.Node, b.Node) })
	return targets
}

// TargetsChanged gets a value when Targets may return something else.
func (k *KubeVirt) TargetsChanged() <-chan struct{} { return k.changed }

// podNamespaces returns the namespaces in which pods run that look like
// virt-handlers.
func (k *KubeVirt) podNamespaces() map[string]bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	namespaces := make(map[string]bool)
	for key, p := range k.virtHandlers {
		if p.Phase == running && !p.Deleting {
			namespaces[key.Namespace] = true
		}
	}
	return namespaces
}
