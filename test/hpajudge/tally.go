package hpajudge

import (
	"testing"

	"guest-metrics-server/pkg/hpa"
)

// Invalid stands for the outcome of a metric that has an error.
const Invalid hpa.Outcome = "Invalid"

// Tally counts which rules were seen at work. A comparison that never meets a
// rule proves nothing of it.
type Tally struct {
	Decisions int
	Rules     map[hpa.Rule]int
	Outcomes  map[hpa.Source]map[hpa.Outcome]int // Of metrics.
}

// NewTally returns an empty Tally.
func NewTally() Tally {
	return Tally{Rules: map[hpa.Rule]int{}, Outcomes: map[hpa.Source]map[hpa.Outcome]int{}}
}

// Count counts a decision.
func (c *Tally) Count(spec hpa.Spec, decision hpa.Decision) {
	c.Decisions++
	for _, step := range decision.Steps {
		c.Rules[step.Rule]++
	}
	for i, p := range decision.Proposals {
		source := spec.Metrics[i].Source
		if c.Outcomes[source] == nil {
			c.Outcomes[source] = map[hpa.Outcome]int{}
		}
		if p.Err != nil {
			p.Outcome = Invalid
		}
		c.Outcomes[source][p.Outcome]++
	}
}

// Check fails the test where one of the rules was never applied, or no metric of
// a source came to one of its outcomes.
func (c *Tally) Check(t *testing.T, rules []hpa.Rule, outcomes map[hpa.Source][]hpa.Outcome) {
	t.Helper()
	t.Logf("%d decisions compared; rules applied: %v; outcomes of metrics: %v", c.Decisions, c.Rules, c.Outcomes)
	for _, rule := range rules {
		if c.Rules[rule] == 0 {
			t.Errorf("rule %s was never applied", rule)
		}
	}
	for source, wanted := range outcomes {
		for _, outcome := range wanted {
			if c.Outcomes[source][outcome] == 0 {
				t.Errorf("no %s metric came to %s", source, outcome)
			}
		}
	}
}

// UsualRules are the rules that any draw of states must meet.
var UsualRules = []hpa.Rule{
	hpa.ScalingDisabled, hpa.AboveMaximum, hpa.BelowMinimum, hpa.InvalidMetrics, hpa.HighestProposal, hpa.ScaleUpStabilized,
	hpa.ScaleDownStabilized, hpa.ScaleUpLimit, hpa.TooManyReplicas, hpa.ScaleDownLimit, hpa.TooFewReplicas,
}
