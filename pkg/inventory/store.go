package inventory

import (
	"sync"
	"time"
)

// Warmups are how long a VMI must have been Ready before it counts, where its
// annotation asks for nothing else.
type Warmups struct {
	Standard  time.Duration
	WithProbe time.Duration // Of VMIs whose readiness probe says that their application serves.
}

// DefaultWarmups are as measured in a closed loop (make loop). A VMI that serves as
// soon as it is Ready takes over the work of the others, whose rate windows of 30 s
// hold it until then; to let it count earlier gains nothing.
var DefaultWarmups = Warmups{Standard: 60 * time.Second, WithProbe: 30 * time.Second}

// Store holds the VMIs, their launcher pods and what they belong to. All methods
// are safe for concurrent use.
type Store struct {
	now func() time.Time

	mu       sync.RWMutex
	vmis     table[VMI]
	pods     table[Pod] // Launcher pods.
	objects  map[Kind]table[Object]
	services table[Service]
	warmups  warmups
	guests   guests
}

// NewStore returns an empty Store. The clock must have monotonic readings.
func NewStore(w Warmups, now func() time.Time) *Store {
	s := &Store{
		now:      now,
		vmis:     newTable[VMI](),
		pods:     newTable[Pod](),
		objects:  make(map[Kind]table[Object]),
		services: newTable[Service](),
		warmups:  newWarmups(w),
		guests:   newGuests(),
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
		s.warmups.forget(old.UID)
	}
	v.Stay = v.Node
	if old != nil && old.UID == v.UID {
		if v.Stay = old.Stay; old.Node != v.Node {
			v.Stay = v.Node + " since " + s.now().Format(time.RFC3339Nano)
		}
		v.Resumed = old.Resumed
		if old.Paused && !v.Paused {
			v.Resumed = s.now()
		}
	}
	s.warmups.observe(&v, s.now())
	s.vmis.put(&v)
	s.guests.vmiChanged(old, &v)
}

// DeleteVMI forgets a VMI.
func (s *Store) DeleteVMI(namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.vmis.get(namespace, name); old != nil {
		s.warmups.forget(old.UID)
		s.guests.vmiGone(old)
	}
	s.vmis.remove(namespace, name)
}

// PutPod adds a launcher pod or replaces what is known of it.
func (s *Store) PutPod(p Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.pods.get(p.Namespace, p.Name)
	s.pods.put(&p)
	s.guests.podChanged(old, &p)
}

// DeletePod forgets a launcher pod.
func (s *Store) DeletePod(namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
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

func signal(changed chan struct{}) {
	select {
	case changed <- struct{}{}:
	default: // One is waiting already.
	}
}
