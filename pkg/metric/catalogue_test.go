package metric

import (
	"regexp"
	"strings"
	"testing"
)

func TestTheCatalogueSaysEverythingOfEachMetric(t *testing.T) {
	name := regexp.MustCompile(`^guest_[a-z0-9_]+_(cores|percent|bytes|per_second|connections|1m|5m|15m)$`)
	seen := make(map[string]bool)
	for _, m := range All() {
		if !name.MatchString(m.Name) {
			t.Errorf("%q does not begin with guest_ and end with a unit", m.Name)
		}
		if seen[m.Name] {
			t.Errorf("%s stands there twice", m.Name)
		}
		seen[m.Name] = true
		if m.Unit == "" || m.Help == "" || m.Formula == "" || m.read == nil {
			t.Errorf("%s lacks its unit, help, formula or code", m.Name)
		}
		if m.IsRate != strings.Contains(m.Formula, "Δ") {
			t.Errorf("whether %s is a rate and its formula do not agree", m.Name)
		}
		if Lookup(m.Name) != m {
			t.Errorf("%s is not found by its name", m.Name)
		}
		if _, err := m.Group.Combine(Members{Readings: []Reading{{Value: 1, Weight: 1}}}, 1); err != nil {
			t.Errorf("%s of a group: %v", m.Name, err)
		}
	}
	if Lookup("guest_nothing") != nil {
		t.Error("a metric that there is not is found")
	}
}
