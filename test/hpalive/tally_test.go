//go:build e2e

package hpalive

import (
	"testing"

	"guest-metrics-server/pkg/hpa"
)

// tally counts which rules were at work.
type tally struct {
	decisions int
	rules     map[hpa.Rule]int
	outcomes  map[hpa.Source]map[hpa.Outcome]int
}

func newTally() tally {
	return tally{rules: map[hpa.Rule]int{}, outcomes: map[hpa.Source]map[hpa.Outcome]int{}}
}

func (c *tally) count(spec hpa.Spec, e expected) {
	for _, decision := range e.judged {
		c.decisions++
		for _, step := range decision.Steps {
			c.rules[step.Rule]++
		}
		for i, p := range decision.Proposals {
			source := spec.Metrics[i].Source
			if c.outcomes[source] == nil {
				c.outcomes[source] = map[hpa.Outcome]int{}
			}
			if p.Err != nil {
				p.Outcome = "Invalid"
			}
			c.outcomes[source][p.Outcome]++
		}
	}
}

// check fails where fewer than 200 decisions were compared, or one of the usual
// rules was not among them. The rare ones are left to test/hpa.
func (c *tally) check(t *testing.T) {
	t.Helper()
	t.Logf("%d decisions of %d HPAs compared; rules applied: %v; outcomes of metrics: %v", c.decisions, *count, c.rules, c.outcomes)
	if c.decisions < 200 {
		t.Errorf("only %d decisions were compared", c.decisions)
	}
	for _, rule := range []hpa.Rule{
		hpa.ScalingDisabled, hpa.AboveMaximum, hpa.BelowMinimum, hpa.InvalidMetrics, hpa.HighestProposal, hpa.ScaleUpStabilized, hpa.ScaleDownStabilized,
		hpa.ScaleUpLimit, hpa.TooManyReplicas, hpa.ScaleDownLimit, hpa.TooFewReplicas,
	} {
		if c.rules[rule] == 0 {
			t.Errorf("rule %s was never applied", rule)
		}
	}
	for _, source := range []hpa.Source{hpa.Pods, hpa.Object, hpa.External, hpa.Resource, hpa.ContainerResource} {
		for _, outcome := range []hpa.Outcome{"Invalid", hpa.Scaled, hpa.WithinTolerance} {
			if c.outcomes[source][outcome] == 0 {
				t.Errorf("no %s metric came to %s", source, outcome)
			}
		}
	}
}
