package source

import (
	"context"
	"maps"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"guest-metrics-server/pkg/domainstats"
	"guest-metrics-server/pkg/inventory"
)

var oversizedDesc = prometheus.NewDesc("guest_metrics_server_oversized_vmis",
	"VMIs of which virt-handlers' last responses have more than is read.", nil, nil)

// oversized are the VMIs of which the last responses have too much.
type oversized struct {
	mu   sync.Mutex
	vmis map[types.UID]oversizedVMI
}

type oversizedVMI struct {
	node string
	what []domainstats.Oversized
}

// takeOversized replaces what is known of a node's VMIs.
func (s *VirtHandlers) takeOversized(ctx context.Context, node string, all []domainstats.Oversized) {
	now := make(map[types.UID]oversizedVMI)
	for _, o := range all {
		if v := s.inventory.VMI(o.Namespace, o.Name); v != nil && v.Node == node {
			now[v.UID] = oversizedVMI{node, append(now[v.UID].what, o)}
		}
	}
	s.oversized.mu.Lock()
	defer s.oversized.mu.Unlock()
	before := s.oversized.vmis
	if before == nil {
		before = make(map[types.UID]oversizedVMI)
		s.oversized.vmis = before
	}
	for uid, o := range now {
		if _, known := before[uid]; !known {
			first := o.what[0] // At V(2), since tenants could flood the log.
			klog.FromContext(ctx).V(2).Info("A VMI is too large to be read", "vmi", klog.KRef(first.Namespace, first.Name), "family", first.Family, "families", len(o.what), "why", first.Why())
		}
	}
	maps.DeleteFunc(before, func(_ types.UID, o oversizedVMI) bool { return o.node == node })
	maps.Copy(before, now)
}

// tooLarge returns what was too large to be read of a VMI's series of the name, ""
// for any name, in the last response of its node; ok is false when nothing was.
func (s *VirtHandlers) tooLarge(v *inventory.VMI, series string) (why string, ok bool) {
	s.oversized.mu.Lock()
	defer s.oversized.mu.Unlock()
	known := s.oversized.vmis[v.UID]
	for _, o := range known.what {
		if known.node == v.Node && (series == "" || series == o.Family.String()) {
			return o.Why(), true
		}
	}
	return "", false
}

func (o *oversized) prune(keep func(uid string) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.vmis, func(uid types.UID, _ oversizedVMI) bool { return !keep(string(uid)) })
}

func (o *oversized) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.vmis)
}
