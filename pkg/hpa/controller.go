package hpa

import (
	"errors"
	"fmt"
	"time"
)

// Controller is what the flags and the version of kube-controller-manager set.
type Controller struct {
	Tolerance               float64       // --horizontal-pod-autoscaler-tolerance
	DownscaleStabilization  time.Duration // --horizontal-pod-autoscaler-downscale-stabilization
	CPUInitializationPeriod time.Duration // --horizontal-pod-autoscaler-cpu-initialization-period
	InitialReadinessDelay   time.Duration // --horizontal-pod-autoscaler-initial-readiness-delay

	// ScaleToZero is the feature gate HPAScaleToZero. Its rules are those of 1.36
	// and later.
	ScaleToZero bool
	// ConfigurableTolerance is the feature gate HPAConfigurableTolerance: whether
	// Rules.Tolerance is obeyed.
	ConfigurableTolerance bool
	// IgnoreSucceeded is set where Succeeded pods are ignored as Failed ones are
	// (kubernetes#141302). Otherwise they count as any other pod: as missing, as
	// nothing measures them.
	IgnoreSucceeded bool
}

// ForKubernetes returns the controller of a release of Kubernetes 1 with default
// flags and feature gates (pkg/controller/podautoscaler/config/v1alpha1 and
// pkg/features/kube_features.go). No release has kubernetes#141302 yet: 1.38 is
// the first that can.
func ForKubernetes(minor int) Controller {
	return Controller{
		Tolerance:               0.1,
		DownscaleStabilization:  5 * time.Minute,
		CPUInitializationPeriod: 5 * time.Minute,
		InitialReadinessDelay:   30 * time.Second,
		ScaleToZero:             minor >= 37,
		ConfigurableTolerance:   minor >= 35,
		IgnoreSucceeded:         minor >= 38,
	}
}

// Sync decides on the replicas as the controller does every 15 seconds, and
// changes memory as it does, supposing that the change of the replicas succeeds.
// State must have a reading for each metric of the spec (horizontal.go,
// reconcileAutoscaler).
func (c Controller) Sync(spec Spec, state State, memory *Memory) Decision {
	s := sync{Controller: c, spec: spec, state: state, memory: memory}
	s.decision = Decision{Replicas: state.SpecReplicas, Tolerance: c.tolerance(spec)}
	if len(memory.Recommendations) == 0 { // recordInitialRecommendation
		memory.Recommendations = []Recommendation{{Replicas: state.SpecReplicas, Time: state.Now}}
	}
	s.run()
	if s.decision.Replicas != state.SpecReplicas {
		s.remember()
	}
	return s.decision
}

// sync is one pass over one HPA.
type sync struct {
	Controller
	spec     Spec
	state    State
	memory   *Memory
	decision Decision
}

func (s *sync) run() {
	current := s.state.SpecReplicas
	switch {
	case current == 0 && !s.wakes():
		s.step(Step{Rule: ScalingDisabled, After: current})
		return
	case current > s.spec.MaxReplicas:
		s.step(Step{Rule: AboveMaximum, After: s.spec.MaxReplicas, Limit: s.spec.MaxReplicas})
		return
	case current != 0 && current < s.spec.MinReplicas:
		s.step(Step{Rule: BelowMinimum, After: s.spec.MinReplicas, Limit: s.spec.MinReplicas})
		return
	}

	proposed, ok := s.highestProposal()
	if !ok {
		return
	}
	recommendation := max(proposed, 0)
	s.step(Step{Rule: HighestProposal, After: recommendation})
	if s.spec.Behavior == nil {
		s.stabilize(recommendation)
		s.limit()
	} else {
		s.stabilizeByBehavior(recommendation)
		s.limitByBehavior()
	}
	if current == 0 && s.decision.Replicas < s.spec.MinReplicas {
		s.step(Step{Rule: MinimumFromZero, After: s.spec.MinReplicas, Limit: s.spec.MinReplicas})
	}
}

// wakes reports whether a target without replicas may be scaled up: it was the
// controller that scaled it to zero, and there is a metric that can be read without
// pods, or a minimum since (shouldComputeMetricsForZeroReplicas).
func (s *sync) wakes() bool {
	return s.ScaleToZero && s.memory.ScaledToZero && (s.spec.MinReplicas != 0 || s.spec.readsObject())
}

// step records a rule's application. Before is what was decided so far.
func (s *sync) step(step Step) {
	step.Before = s.decision.Replicas
	s.decision.Replicas = step.After
	s.decision.Steps = append(s.decision.Steps, step)
}

// highestProposal returns the highest of the metrics' proposals. One that is
// invalid stands in the way of scaling down (computeReplicasForMetrics).
func (s *sync) highestProposal() (highest int32, ok bool) {
	var firstErr error
	invalid := 0
	for i, metric := range s.spec.Metrics {
		proposal := s.propose(metric, s.state.Readings[i])
		s.decision.Proposals = append(s.decision.Proposals, proposal)
		if proposal.Err != nil {
			if invalid == 0 {
				firstErr = fmt.Errorf("%s metric %s: %w", metric.Source, metric.Name, proposal.Err)
			}
			invalid++
			continue
		}
		if highest == 0 || proposal.Replicas > highest {
			highest = proposal.Replicas
		}
	}
	if invalid >= len(s.spec.Metrics) || invalid > 0 && highest < s.state.SpecReplicas {
		if firstErr == nil {
			firstErr = errors.New("the HPA has no metrics")
		}
		s.decision.Err = fmt.Errorf("%d of %d metrics are invalid, the first: %w", invalid, len(s.spec.Metrics), firstErr)
		s.step(Step{Rule: InvalidMetrics, After: s.state.SpecReplicas})
		return 0, false
	}
	return highest, true
}

// remember records a change of the replicas that was made.
func (s *sync) remember() {
	before, after := s.state.SpecReplicas, s.decision.Replicas
	if b := s.spec.Behavior; b != nil { // storeScaleEvent
		if after > before {
			s.memory.ScaleUps = recordEvent(s.memory.ScaleUps, after-before, s.state.Now, b.ScaleUp.longestPeriod())
		} else {
			s.memory.ScaleDowns = recordEvent(s.memory.ScaleDowns, before-after, s.state.Now, b.ScaleDown.longestPeriod())
		}
	}
	s.memory.ScaledToZero = s.ScaleToZero && after == 0 && s.spec.MinReplicas == 0 && s.spec.readsObject()
}

// Tolerance is how far a ratio may be from 1 without anything being done
// (replica_calculator.go, Tolerances).
type Tolerance struct{ ScaleDown, ScaleUp float64 }

func (t Tolerance) isWithin(ratio float64) bool {
	return 1-t.ScaleDown <= ratio && ratio <= 1+t.ScaleUp
}

// tolerance is the controller's, or what the HPA sets instead (horizontal.go,
// tolerancesForHpa).
func (c Controller) tolerance(spec Spec) Tolerance {
	t := Tolerance{ScaleDown: c.Tolerance, ScaleUp: c.Tolerance}
	if b := spec.Behavior; b != nil && c.ConfigurableTolerance {
		if b.ScaleDown.Tolerance != nil {
			t.ScaleDown = *b.ScaleDown.Tolerance
		}
		if b.ScaleUp.Tolerance != nil {
			t.ScaleUp = *b.ScaleUp.Tolerance
		}
	}
	return t
}
