package inventory

import (
	"time"

	"guest-metrics-server/pkg/reason"
)

// standing tells why a VMI does not count, nil if it does.
func (s *Store) standing(v *VMI, hasPod bool, now time.Time) *reason.Error {
	left := s.readiness[v.UID].left(s.warmupOf(v), now)
	switch {
	case v.Deleting:
		return reason.Errorf(reason.Deleting, "being deleted")
	case v.Phase != running:
		return reason.Errorf(reason.NotRunning, "in phase %s, not Running", v.Phase)
	case v.Paused:
		return reason.Errorf(reason.Paused, "Paused")
	case !hasPod:
		return reason.Errorf(reason.NoActivePod, "no running launcher pod on node %q", v.Node)
	case left < 0:
		return reason.Errorf(reason.NotReady, "not Ready yet")
	case left > 0:
		return reason.Errorf(reason.WarmingUp, "warming up for another %s", left.Round(time.Second))
	default:
		return nil
	}
}
