package inventory

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/reason"
)

// warmups knows of each VMI whether its warm-up is over.
type warmups struct {
	Warmups
	of map[types.UID]readiness
}

func newWarmups(w Warmups) warmups {
	return warmups{Warmups: w, of: make(map[types.UID]readiness)}
}

// observe takes in what the API says of a VMI at the time now.
func (w warmups) observe(v *VMI, now time.Time) {
	w.of[v.UID] = w.of[v.UID].next(v, w.duration(v), now)
}

func (w warmups) forget(uid types.UID) { delete(w.of, uid) }

// judge returns the readiness of a VMI. Excluded is the reason why it does not
// count yet. Unknown is the reason why that cannot be said.
func (w warmups) judge(v *VMI, now time.Time) (r Readiness, excluded, unknown *reason.Error) {
	of, warmup := w.of[v.UID], w.duration(v)
	r = Readiness{ReadySince: of.since, CountsSince: of.countsSince(warmup)}
	left := r.CountsSince.Sub(now)
	switch {
	case of.warm:
	case of.since.IsZero():
		excluded = reason.Errorf(reason.NotReady, "not Ready yet")
	case left > 0 && of.mayBeWarm:
		unknown = reason.Errorf(reason.WarmUpUnknown,
			"Ready again for less than its warm-up, and what was before this server started is not known: counts in %s at the latest", left.Round(time.Second))
	case left > 0:
		excluded = reason.Errorf(reason.WarmingUp, "warming up for another %s", left.Round(time.Second))
	}
	return r, excluded, unknown
}

func (w warmups) duration(v *VMI) time.Duration {
	switch {
	case v.Warmup != nil:
		return *v.Warmup
	case v.Probed:
		return w.WithProbe
	default:
		return w.Standard
	}
}

// Readiness says since when a VMI is Ready, and since when it counts. Both are
// zero where that is long ago or not known.
type Readiness struct {
	ReadySince  time.Time
	CountsSince time.Time // The end of its warm-up. What it did before is boot load.
}

// readiness follows for how long a VMI has been Ready. Times of the API are
// compared with this machine's clock only once, when Ready is first seen; from
// then on the monotonic clock counts, so that a clock step changes nothing.
type readiness struct {
	seen      bool      // The VMI was observed before.
	since     time.Time // When the VMI became Ready, zero while it is not.
	mayBeWarm bool      // It may have been Ready for its warm-up before it was first observed.
	warm      bool      // It has been Ready for its warm-up once; losing Ready later changes nothing.

	warmSince time.Time // When it became warm, zero if that was long ago.
}

// next returns the readiness once v was observed at the time now.
func (r readiness) next(v *VMI, warmup time.Duration, now time.Time) readiness {
	if end := r.countsSince(warmup); !r.warm && !r.since.IsZero() && !end.After(now) {
		r.warm, r.warmSince = true, end
	}
	if !r.seen {
		// It ran for a warm-up before Ready changed. So it was Ready for that long,
		// or took that long to become it.
		r.mayBeWarm = !v.RunningSince.IsZero() && v.ReadyTransition.Sub(v.RunningSince) >= max(warmup, time.Second)
	}
	switch {
	case !v.Ready:
		// One that may have been warm and is not Ready most likely was and lost it.
		r.warm = r.warm || r.mayBeWarm
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

// countsSince returns when the warm-up of a VMI ends that stays Ready, zero for
// one that is not Ready, or whose warm-up ended long ago.
func (r readiness) countsSince(warmup time.Duration) time.Time {
	if r.warm || r.since.IsZero() {
		return r.warmSince
	}
	return r.since.Add(warmup)
}
