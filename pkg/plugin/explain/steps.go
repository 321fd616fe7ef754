package explain

import (
	"fmt"
	"strings"

	"guest-metrics-server/pkg/hpa"
)

// stepsText are the rules that applied, as sentences.
func stepsText(d hpa.Decision, spec hpa.Spec) []string {
	invalid := 0
	for _, p := range d.Proposals {
		if p.Err != nil {
			invalid++
		}
	}
	var steps []string
	for _, s := range d.Steps {
		steps = append(steps, stepText(s, spec, invalid))
	}
	return steps
}

// stepText is a rule's application, as a sentence.
func stepText(s hpa.Step, spec hpa.Spec, invalid int) string {
	switch s.Rule {
	case hpa.ScalingDisabled:
		return "ScalingDisabled: the target has 0 replicas and it was not the controller that scaled it to zero, so the HPA does nothing until somebody sets the replicas to 1 or more"
	case hpa.AboveMaximum:
		return fmt.Sprintf("the target has more than the maximum: %d → %d, and no metric is read", s.Before, s.After)
	case hpa.BelowMinimum:
		return fmt.Sprintf("the target has less than the minimum: %d → %d, and no metric is read", s.Before, s.After)
	case hpa.InvalidMetrics:
		if invalid < len(spec.Metrics) {
			return fmt.Sprintf("%d of %d metrics are invalid, and the others would scale down: the replicas stay %d", invalid, len(spec.Metrics), s.After)
		}
		return fmt.Sprintf("no metric is valid: the replicas stay %d", s.After)
	case hpa.HighestProposal:
		if len(spec.Metrics) == 1 {
			return fmt.Sprintf("the metric asks for %d", s.After)
		}
		return fmt.Sprintf("the highest of the %d metrics' proposals: %d", len(spec.Metrics), s.After)
	case hpa.ScaleUpStabilized:
		return fmt.Sprintf("ScaleUpStabilized: the lowest recommendation of the last %s is %d: %d → %d", short(s.Window), s.Limit, s.Before, s.After)
	case hpa.ScaleDownStabilized:
		return fmt.Sprintf("ScaleDownStabilized: the highest recommendation of the last %s is %d: %d → %d", short(s.Window), s.Limit, s.Before, s.After)
	case hpa.ScaleUpLimit:
		switch {
		case spec.Behavior == nil:
			return fmt.Sprintf("ScaleUpLimit: without a behavior, one sync at most doubles the replicas or makes them 4: %d → %d", s.Before, s.After)
		case len(s.Policies) == 0:
			return fmt.Sprintf("ScaleUpLimit: selectPolicy Disabled allows no scale-up: %d → %d", s.Before, s.After)
		}
		return fmt.Sprintf("ScaleUpLimit: the policies allow at most %d: %d → %d", s.Limit, s.Before, s.After) + policiesText(s.Policies)
	case hpa.ScaleDownLimit:
		if len(s.Policies) == 0 {
			return fmt.Sprintf("ScaleDownLimit: selectPolicy Disabled allows no scale-down: %d → %d", s.Before, s.After)
		}
		return fmt.Sprintf("ScaleDownLimit: the policies allow no fewer than %d: %d → %d", s.Limit, s.Before, s.After) + policiesText(s.Policies)
	case hpa.TooManyReplicas:
		return fmt.Sprintf("TooManyReplicas: the maximum is %d: %d → %d", s.Limit, s.Before, s.After)
	case hpa.TooFewReplicas:
		return fmt.Sprintf("TooFewReplicas: the minimum is %d: %d → %d", s.Limit, s.Before, s.After)
	case hpa.MinimumFromZero:
		return fmt.Sprintf("the minimum was raised while there were no replicas: %d → %d", s.Before, s.After)
	default:
		return fmt.Sprintf("%s: %d → %d", s.Rule, s.Before, s.After)
	}
}

func policiesText(policies []hpa.PolicyLimit) string {
	var b strings.Builder
	for _, p := range policies {
		value := count(int(p.Policy.Value), "replica")
		if p.Policy.Type == hpa.PercentPolicy {
			value = fmt.Sprintf("%d %% of the replicas", p.Policy.Value)
		}
		fmt.Fprintf(&b, "\n%s in %s: %d were added and %d removed in this time, so it allows %d", value, short(p.Policy.Period), p.Added, p.Removed, p.Limit)
	}
	return b.String()
}
