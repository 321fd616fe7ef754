package provider

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"guest-metrics-server/pkg/metric"
)

// LogStates logs when a VMI's load becomes known or unknown, and why, until the
// context ends. It looks once in an interval.
func (p *Provider) LogStates(ctx context.Context, interval time.Duration) {
	logger := klog.FromContext(ctx).V(2)
	states := make(map[types.UID]string)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			states = p.logChanges(logger, states)
		}
	}
}

// logChanges logs what is not as before, and returns what is now.
func (p *Provider) logChanges(logger klog.Logger, before map[types.UID]string) map[types.UID]string {
	now := make(map[types.UID]string, len(before))
	for _, m := range p.Inventory.All() {
		state, why := stateKnown, ""
		if _, err := p.assess(m, metric.All()[0], metric.Every); err != nil {
			state, why = string(err.Reason), err.Detail
		}
		now[m.VMI.UID] = state
		if before[m.VMI.UID] != state {
			logger.Info("Guest metrics of a VMI", "state", state, "why", why,
				"vmi", klog.KRef(m.VMI.Namespace, m.VMI.Name), "node", m.VMI.Node, "before", before[m.VMI.UID])
		}
	}
	return now
}
