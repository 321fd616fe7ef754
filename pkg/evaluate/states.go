package evaluate

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/reason"
)

// stateKey identifies one VMI's state for one metric.
type stateKey struct {
	vmi    types.UID
	metric string
}

// LogStates logs when a VMI's load or request rate becomes known or unknown, and
// why, until the context ends. It looks once in an interval.
func (e *Evaluator) LogStates(ctx context.Context, interval time.Duration) {
	logger := klog.FromContext(ctx).V(2)
	if !logger.Enabled() {
		return // It takes a look at each VMI.
	}
	states := make(map[stateKey]string)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			states = e.logChanges(logger, states)
		}
	}
}

// logChanges logs what is not as before, and returns what is now. That guests
// have no status page is the rule and not logged.
func (e *Evaluator) logChanges(logger klog.Logger, before map[stateKey]string) map[stateKey]string {
	now := make(map[stateKey]string, len(before))
	for m := range e.Inventory.All() {
		for _, s := range signals {
			key := stateKey{m.VMI.UID, s.metric.Name}
			state, why := stateKnown, ""
			if _, err := e.assess(m, s.metric, metric.Every); err != nil {
				state, why = string(err.Code), err.Detail
			}
			now[key] = state
			if before[key] != state && state != string(reason.NoEndpoint) {
				logger.Info("Guest metrics of a VMI", "metric", s.metric.Name, "state", state, "why", why,
					"vmi", klog.KRef(m.VMI.Namespace, m.VMI.Name), "node", m.VMI.Node, "before", before[key])
			}
		}
	}
	return now
}
