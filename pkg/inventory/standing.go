package inventory

import (
	"time"

	"guest-metrics-server/pkg/unknown"
)

// standing tells why a VMI does not count, nil if it does.
func (s *Store) standing(v *VMI, hasPod bool, now time.Time) *unknown.Error {
	left := s.readiness[v.UID].left(s.warmupOf(v), now)
	switch {
	case v.Deleting:
		return unknown.Errorf(unknown.Deleting, "being deleted")
	case v.Phase != running:
		return unknown.Errorf(unknown.NotRunning, "in phase %s, not Running", v.Phase)
	case v.Paused:
		return unknown.Errorf(unknown.Paused, "Paused")
	case !hasPod:
		return unknown.Errorf(unknown.NoActivePod, "no running launcher pod on node %q", v.Node)
	case left < 0:
		return unknown.Errorf(unknown.NotReady, "not Ready yet")
	case left > 0:
		return unknown.Errorf(unknown.WarmingUp, "warming up for another %s", left.Round(time.Second))
	default:
		return nil
	}
}
