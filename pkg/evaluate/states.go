package evaluate

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"guest-metrics-server/pkg/metric"
)

// stateOf is of what a state is.
type stateOf struct {
	vmi    types.UID
	metric string
}

// LogStates logs when a VMI's load or request rate becomes known or unknown, and
// why, until the context ends. It looks once in an interval.
func (p *Provider) LogStates(ctx context.Context, interval time.Duration) {
	logger := klog.FromContext(ctx).V(2)
	if !logger.Enabled() {
		return // It takes a look at each VMI.
	}
	states := make(map[stateOf]string)
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

// logChanges logs what is not as before, and returns what is now. That guests
// have no status page is the rule and not logged.
func (p *Provider) logChanges(logger klog.Logger, before map[stateOf]string) map[stateOf]string {
	now := make(map[stateOf]string, len(before))
	for m := range p.Inventory.All() {
		for _, s := range signals {
			if s.metric.GuestHTTP && m.VMI.Endpoint == nil {
				continue
			}
			of := stateOf{m.VMI.UID, s.metric.Name}
			state, why := stateKnown, ""
			if _, err := p.assess(m, s.metric, metric.Every); err != nil {
				state, why = string(err.Code), err.Detail
			}
			now[of] = state
			if before[of] != state {
				logger.Info("Guest metrics of a VMI", "metric", s.metric.Name, "state", state, "why", why,
					"vmi", klog.KRef(m.VMI.Namespace, m.VMI.Name), "node", m.VMI.Node, "before", before[of])
			}
		}
	}
	return now
}
