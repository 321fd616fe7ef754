package hpa

import (
	"math"
	"time"
)

// stabilizeByBehavior scales up only as far as the lowest recommendation of the
// window for scaling up, and down only as far as the highest of the window for
// scaling down (horizontal.go, stabilizeRecommendationWithBehaviors).
func (s *sync) stabilizeByBehavior(recommendation int32) {
	now, current := s.state.Now, s.state.SpecReplicas
	upWindow := s.window(s.spec.Behavior.ScaleUp, 0)
	downWindow := s.window(s.spec.Behavior.ScaleDown, s.DownscaleStabilization)
	upCutoff, downCutoff := now.Add(-upWindow), now.Add(-downWindow)
	least, most, replace := recommendation, recommendation, -1
	for i, r := range s.memory.Recommendations {
		if r.Time.After(upCutoff) {
			least = min(least, r.Replicas)
		}
		if r.Time.After(downCutoff) {
			most = max(most, r.Replicas)
		}
		if r.Time.Before(upCutoff) && r.Time.Before(downCutoff) {
			replace = i
		}
	}
	s.recommend(recommendation, replace)

	stabilized := min(max(current, least), most)
	if stabilized == recommendation {
		return
	}
	step := Step{Rule: ScaleDownStabilized, After: stabilized, Limit: most, Window: downWindow}
	if recommendation >= current {
		step.Rule, step.Limit, step.Window = ScaleUpStabilized, least, upWindow
	}
	s.step(step)
}

// window is a rule's stabilization window. Only the one for scaling down can be
// unset, and the controller's is cut to whole seconds (horizontal.go,
// maybeInitScaleDownStabilizationWindow).
func (s *sync) window(rules Rules, unset time.Duration) time.Duration {
	if rules.StabilizationWindow != nil {
		return *rules.StabilizationWindow
	}
	return unset.Truncate(time.Second)
}

// limitByBehavior keeps the replicas between the minimum and the maximum and
// within what the policies allow, in the direction of the change only
// (horizontal.go, convertDesiredReplicasWithBehaviorRate).
func (s *sync) limitByBehavior() {
	desired, current := s.decision.Replicas, s.state.SpecReplicas
	switch {
	case desired > current:
		limit := Step{Rule: TooManyReplicas, Limit: s.spec.MaxReplicas}
		most, policies := s.rate(s.spec.Behavior.ScaleUp, true)
		if most = max(most, current); most < s.spec.MaxReplicas {
			limit = Step{Rule: ScaleUpLimit, Limit: most, Policies: policies}
		}
		if desired > limit.Limit {
			limit.After = limit.Limit
			s.step(limit)
		}
	case desired < current:
		limit := Step{Rule: TooFewReplicas, Limit: s.spec.MinReplicas}
		fewest, policies := s.rate(s.spec.Behavior.ScaleDown, false)
		if fewest = min(fewest, current); fewest > s.spec.MinReplicas {
			limit = Step{Rule: ScaleDownLimit, Limit: fewest, Policies: policies}
		}
		if desired < limit.Limit {
			limit.After = limit.Limit
			s.step(limit)
		}
	}
}

// rate returns how many replicas the rules of one direction allow now, and what
// each policy does (horizontal.go, calculateScaleUpLimitWithScalingRules and
// calculateScaleDownLimitWithBehaviors). The policy that allows the largest
// change is the highest limit on the way up, and the lowest on the way down.
func (s *sync) rate(rules Rules, up bool) (int32, []PolicyLimit) {
	if rules.SelectPolicy == Disabled {
		return s.state.SpecReplicas, nil
	}
	limit, choose := int32(math.MinInt32), highest
	if up == (rules.SelectPolicy == MinChange) {
		limit, choose = math.MaxInt32, lowest
	}
	limits := make([]PolicyLimit, 0, len(rules.Policies))
	for _, policy := range rules.Policies {
		start := s.state.Now.Add(-policy.Period)
		l := PolicyLimit{Policy: policy, Added: changed(s.memory.ScaleUps, start), Removed: changed(s.memory.ScaleDowns, start)}
		l.Limit = policy.limit(s.state.SpecReplicas-l.Added+l.Removed, up)
		limit = choose(limit, l.Limit)
		limits = append(limits, l)
	}
	return limit, limits
}

func highest(a, b int32) int32 { return max(a, b) }
func lowest(a, b int32) int32  { return min(a, b) }

// limit returns how many replicas the policy allows, of so many at the start of
// its period. Percentages are rounded up, so that they allow at least one more
// pod, or one less.
func (p Policy) limit(atStart int32, up bool) int32 {
	switch {
	case p.Type == PercentPolicy && up:
		return ceilReplicas(float64(atStart) * (1 + float64(p.Value)/100))
	case p.Type == PercentPolicy:
		return int32(float64(atStart) * (1 - float64(p.Value)/100))
	case up:
		return atStart + p.Value
	default:
		return atStart - p.Value
	}
}

// changed adds up the changes after start (horizontal.go,
// getReplicasChangePerPeriod).
func changed(events []ScaleEvent, start time.Time) int32 {
	var replicas int32
	for _, e := range events {
		if e.Time.After(start) {
			replicas += e.Change
		}
	}
	return replicas
}

// recordEvent remembers a change, in the place of one that is older than every
// policy's period if there is one (horizontal.go, storeScaleEvent and
// markScaleEventsOutdated).
func recordEvent(events []ScaleEvent, change int32, now time.Time, longestPeriod time.Duration) []ScaleEvent {
	replace := -1
	for i := range events {
		if events[i].Time.Before(now.Add(-longestPeriod)) {
			events[i].outdated = true
		}
		if events[i].outdated {
			replace = i
		}
	}
	event := ScaleEvent{Change: change, Time: now}
	if replace < 0 {
		return append(events, event)
	}
	events[replace] = event
	return events
}
