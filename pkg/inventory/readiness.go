package inventory

import "time"

// readiness follows for how long a VMI has been Ready. Times of the API are
// compared with this machine's clock only once, when Ready is first seen; from
// then on the monotonic clock counts, so that a clock step changes nothing.
type readiness struct {
	seen  bool      // The API has told of the VMI before.
	since time.Time // When the VMI became Ready, zero while it is not.
	warm  bool      // It has been Ready for its warm-up once; losing Ready later changes nothing.

	warmSince time.Time // When it became warm, zero if that was long ago.
}

// next returns the readiness after the API has told v at the time now.
func (r readiness) next(v VMI, warmup time.Duration, now time.Time) readiness {
	if !r.warm && r.left(warmup, now) == 0 {
		r.warm, r.warmSince = true, r.since.Add(warmup)
	}
	switch {
	case !v.Ready:
		// Only a VMI that was Ready since it runs can lose it later than that. For
		// how long it was is not told, and guessed only where it was not seen.
		if !r.seen && !v.RunningSince.IsZero() && v.ReadyTransition.Sub(v.RunningSince) >= max(warmup, time.Second) {
			r.warm = true
		}
		r.since = time.Time{}
	case r.since.IsZero():
		// KubeVirt copies the pod's transition time, and a pod without a
		// readiness probe is ready before the guest even starts.
		since := v.ReadyTransition
		if v.RunningSince.After(since) {
			since = v.RunningSince
		}
		r.since = now.Add(-max(0, now.Sub(since)))
	}
	r.seen = true
	return r
}

// left returns how much of the warm-up is left, or a negative value when the
// VMI has not been Ready yet.
func (r readiness) left(warmup time.Duration, now time.Time) time.Duration {
	switch {
	case r.warm:
		return 0
	case r.since.IsZero():
		return -1
	default:
		return max(0, warmup-now.Sub(r.since))
	}
}

// countsSince returns when the warm-up ended of a VMI that has none left.
func (r readiness) countsSince(warmup time.Duration) time.Time {
	if r.warm {
		return r.warmSince
	}
	return r.since.Add(warmup)
}
