package inventory

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// DefaultWarmup is how long a VMI must have been Ready before it counts.
const DefaultWarmup = 60 * time.Second

// Store is the inventory's memory. All methods are safe for concurrent use.
type Store struct {
	warmup time.Duration
	now    func() time.Time

	mu                sync.RWMutex
	vmis              table[VMI]
	pods              table[Pod] // Launcher pods.
	objects           map[Kind]table[Object]
	services          table[Service]
	readiness         map[types.UID]readiness // Of VMIs.
	kubevirtNamespace string
	virtHandlers      map[types.NamespacedName]Pod
	targetsChanged    chan struct{}
	caBundle          []byte
	guests            guests
}

// NewStore returns an empty Store. The clock must have monotonic readings.
func NewStore(warmup time.Duration, now func() time.Time) *Store {
	s := &Store{
		warmup:         warmup,
		now:            now,
		vmis:           newTable[VMI](),
		pods:           newTable[Pod](),
		objects:        make(map[Kind]table[Object]),
		services:       newTable[Service](),
		readiness:      make(map[types.UID]readiness),
		virtHandlers:   make(map[types.NamespacedName]Pod),
		targetsChanged: make(chan struct{}, 1),
		guests:         newGuests(),
	}
	for _, kind := range owners {
		s.objects[kind] = newTable[Object]()
	}
	return s
}

// PutVMI adds a VMI or replaces what is known of it.
func (s *Store) PutVMI(v VMI) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.vmis.get(v.Namespace, v.Name)
	if old != nil && old.UID != v.UID {
		delete(s.readiness, old.UID)
	}
	s.readiness[v.UID] = s.readiness[v.UID].next(v, s.warmupOf(&v), s.now())
	s.vmis.put(&v)
	s.guests.vmiChanged(old, &v)
}

// DeleteVMI forgets a VMI.
func (s *Store) DeleteVMI(namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.vmis.get(namespace, name); old != nil {
		delete(s.readiness, old.UID)
		s.guests.vmiGone(old)
	}
	s.vmis.remove(namespace, name)
}

// PutPod adds a pod of KubeVirt's or replaces what is known of it.
func (s *Store) PutPod(p Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Labels[componentLabel] == virtHandler {
		s.virtHandlers[types.NamespacedName{Namespace: p.Namespace, Name: p.Name}] = p
		signal(s.targetsChanged)
		return
	}
	old := s.pods.get(p.Namespace, p.Name)
	s.pods.put(&p)
	s.guests.podChanged(old, &p)
}

// DeletePod forgets a pod.
func (s *Store) DeletePod(namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := types.NamespacedName{Namespace: namespace, Name: name}
	if _, ok := s.virtHandlers[key]; ok {
		delete(s.virtHandlers, key)
		signal(s.targetsChanged)
		return
	}
	if old := s.pods.get(namespace, name); old != nil {
		s.pods.remove(namespace, name)
		s.guests.podChanged(nil, old)
	}
}

// PutObject adds an owner of VMIs or replaces what is known of it.
func (s *Store) PutObject(kind Kind, o Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[kind].put(&o)
}

// DeleteObject forgets an owner of VMIs.
func (s *Store) DeleteObject(kind Kind, namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[kind].remove(namespace, name)
}

// PutService adds a Service or replaces what is known of it.
func (s *Store) PutService(service Service) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.services.put(&service)
}

// DeleteService forgets a Service.
func (s *Store) DeleteService(namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.services.remove(namespace, name)
}

// SetKubeVirt tells where KubeVirt's own pods run, "" if that is not known, and
// the PEM certificates that its virt-handlers are verified with. Pods of other
// namespaces are never scraped, whatever their labels say.
func (s *Store) SetKubeVirt(namespace string, caBundle []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kubevirtNamespace != namespace {
		s.kubevirtNamespace = namespace
		signal(s.targetsChanged)
	}
	s.caBundle = caBundle
}

// CABundle returns the PEM certificates that virt-handler is verified with.
func (s *Store) CABundle() []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.caBundle
}

// KubeVirtNamespace returns where KubeVirt's own pods run, "" if not known yet.
func (s *Store) KubeVirtNamespace() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.kubevirtNamespace
}

// Target is a virt-handler to scrape.
type Target struct {
	Node string
	IP   string
	Port int32
}

// Targets returns the virt-handler of each node, in the order of node names.
func (s *Store) Targets() []Target {
	s.mu.RLock()
	defer s.mu.RUnlock()
	newest := make(map[string]Pod)
	for _, p := range s.virtHandlers {
		if p.Namespace != s.kubevirtNamespace || p.Phase != running || p.Deleting || p.IP == "" {
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

// virtHandlerNamespaces returns the namespaces in which pods run that look like
// virt-handlers.
func (s *Store) virtHandlerNamespaces() map[string]bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	namespaces := make(map[string]bool)
	for key, p := range s.virtHandlers {
		if p.Phase == running && !p.Deleting {
			namespaces[key.Namespace] = true
		}
	}
	return namespaces
}

// TargetsChanged gets a value when Targets may return something else.
func (s *Store) TargetsChanged() <-chan struct{} { return s.targetsChanged }

func signal(changed chan struct{}) {
	select {
	case changed <- struct{}{}:
	default: // One is waiting already.
	}
}

func (s *Store) warmupOf(v *VMI) time.Duration {
	if v.Warmup != nil {
		return *v.Warmup
	}
	return s.warmup
}
