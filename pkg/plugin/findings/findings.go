package findings

import (
	"slices"
	"strings"
)

// Code names a finding: GM and four digits, of which the first two are its area.
// A code never gets another meaning: one that is given up goes to Retired.
type Code string

// Severity says how bad a finding is.
type Severity string

// The severities, in rising order.
const (
	Notice  Severity = "notice"  // Worth knowing. It does not change the exit code.
	Warning Severity = "warning" // It works, and will fail or mislead some day.
	Problem Severity = "problem" // Something does not work.
)

// Info is what there is to know of a finding.
type Info struct {
	Code     Code
	Severity Severity
	Title    string // A clause without a full stop.
	Meaning  string // Sentences: what happens because of it.
	Cause    string // Sentences: how it mostly comes about.
	Cure     string // Sentences, or commands in backquotes.
}

// retired are the codes that once had a meaning. They are never used again.
var retired []Code

// Table returns all findings in the order of their codes.
func Table() []Info {
	return slices.Concat(ofAPIs, ofRights, ofKubeVirt, ofGuests, ofHPAs, ofTargets)
}

// Retired returns the codes that are reserved, since they once had a meaning.
func Retired() []Code { return slices.Clone(retired) }

// Lookup returns the finding with a code. Case does not matter.
func Lookup(code Code) (Info, bool) {
	table := Table()
	i := slices.IndexFunc(table, func(info Info) bool { return strings.EqualFold(string(info.Code), string(code)) })
	if i < 0 {
		return Info{}, false
	}
	return table[i], true
}
