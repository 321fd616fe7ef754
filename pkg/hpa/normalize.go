package hpa

import "math"

// An HPA without a behavior is stabilized when it scales down, and may at most
// double when it scales up.

// stabilize takes the highest recommendation of DownscaleStabilization
// (horizontal.go, stabilizeRecommendation).
func (s *sync) stabilize(recommendation int32) {
	cutoff := s.state.Now.Add(-s.DownscaleStabilization)
	highest, replace := recommendation, -1
	for i, r := range s.memory.Recommendations {
		if r.Time.Before(cutoff) {
			replace = i
		} else {
			highest = max(highest, r.Replicas)
		}
	}
	s.recommend(recommendation, replace)
	if highest != recommendation {
		s.step(Step{Rule: ScaleDownStabilized, After: highest, Limit: highest, Window: s.DownscaleStabilization})
	}
}

// recommend remembers a recommendation, in the place of an outdated one if there
// is one.
func (s *sync) recommend(replicas int32, replace int) {
	r := Recommendation{Replicas: replicas, Time: s.state.Now}
	if replace < 0 {
		s.memory.Recommendations = append(s.memory.Recommendations, r)
		return
	}
	s.memory.Recommendations[replace] = r
}

// limit keeps the replicas between the minimum and the maximum, and below twice
// what there is (horizontal.go, convertDesiredReplicasWithRules).
func (s *sync) limit() {
	desired := s.decision.Replicas
	limit := Step{Rule: TooManyReplicas, Limit: s.spec.MaxReplicas}
	if most := scaleUpLimit(s.state.SpecReplicas); most < s.spec.MaxReplicas {
		limit = Step{Rule: ScaleUpLimit, Limit: most}
	}
	if desired < s.spec.MinReplicas {
		limit = Step{Rule: TooFewReplicas, Limit: s.spec.MinReplicas}
	} else if desired <= limit.Limit {
		return
	}
	limit.After = limit.Limit
	s.step(limit)
}

// scaleUpLimit is calculateScaleUpLimit of horizontal.go.
func scaleUpLimit(replicas int32) int32 {
	return int32(math.Max(2*float64(replicas), 4))
}
