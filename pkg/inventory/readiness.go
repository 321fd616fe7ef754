package inventory

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/reason"
)

// warmups knows of each VMI whether its warm-up is over.
type warmups struct {
	standard time.Duration // Of VMIs whose annotation asks for no other.
	of       map[types.UID]readiness
}

func newWarmups(standard time.Duration) warmups {
	return warmups{standard: standard, of: make(map[types.UID]readiness)}
}

// observe takes in what the API says of a VMI at the time now.
func (w warmups) observe(v *VMI, now time.Time) {
	w.of[v.UID] = w.of[v.UID].next(v, w.duration(v), now)
}

func (w warmups) forget(uid types.UID) { delete(w.of, uid) }

// countsSince returns when the warm-up of a VMI ended, zero if that was long
// ago, or the reason why it has not ended.
func (w warmups) countsSince(v *VMI, now time.Time) (time.Time, *reason.Error) {
	return w.of[v.UID].countsSince(w.duration(v), now)
}

func (w warmups) duration(v *VMI) time.Duration {
	if v.Warmup != nil {
		return *v.Warmup
	}
	return w.standard
}

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
func (r readiness) next(v *VMI, warmup time.Duration, now time.Time) readiness {
	if since, err := r.countsSince(warmup, now); err == nil {
		r.warm, r.warmSince = true, since
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

// countsSince returns when the warm-up ended, zero if that was long ago, or the
// reason why it has not ended.
func (r readiness) countsSince(warmup time.Duration, now time.Time) (time.Time, *reason.Error) {
	switch {
	case r.warm:
		return r.warmSince, nil
	case r.since.IsZero():
		return time.Time{}, reason.Errorf(reason.NotReady, "not Ready yet")
	}
	end := r.since.Add(warmup)
	if left := end.Sub(now); left > 0 {
		return time.Time{}, reason.Errorf(reason.WarmingUp, "warming up for another %s", left.Round(time.Second))
	}
	return end, nil
}
