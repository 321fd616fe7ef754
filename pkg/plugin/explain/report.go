package explain

import "fmt"

// Basis is what a statement rests on.
type Basis string

// Observed is what an object or an answer says; Estimated is what follows from it
// by the rules of the HPA controller.
const (
	Observed  Basis = "observed"
	Estimated Basis = "estimated"
)

// Statement is one sentence.
type Statement struct {
	Basis Basis  `json:"basis"`
	Text  string `json:"text"`
}

// Report is an explanation of one object.
type Report struct {
	Object    string    `json:"object"` // KIND/NAME
	Namespace string    `json:"namespace"`
	Decision  *Decision `json:"decision,omitempty"` // of an HPA
	Sections  []Section `json:"sections"`
	// Unseen is what could not be read, and why. The rest holds without it.
	Unseen []string `json:"unseen,omitempty"`
}

// Decision is what the HPA controller would choose, all of it estimated.
type Decision struct {
	Current int32 `json:"current"` // replicas that the target has
	Desired int32 `json:"desired"`
}

// Section is a part of a report.
type Section struct {
	Title      string      `json:"title"`
	Request    string      `json:"request,omitempty"` // the path that the statements are about
	Statements []Statement `json:"statements,omitempty"`
	Members    []Member    `json:"members,omitempty"`
	// After are the statements that follow from the members.
	After []Statement `json:"conclusions,omitempty"`
}

// Member is a VMI and its value of a metric, or the reason why there is none. All
// of it is observed.
type Member struct {
	VMI    string `json:"vmi"`
	Pod    string `json:"pod,omitempty"`
	Metric string `json:"metric,omitempty"` // where a section is about several
	Value  string `json:"value,omitempty"`
	Age    string `json:"age,omitempty"`
	Window string `json:"window,omitempty"`
	Reason string `json:"reason,omitempty"` // a code of docs/reasons.md
	Text   string `json:"message,omitempty"`
}

// NewSection returns a section without statements.
func newSection(format string, args ...any) *Section {
	return &Section{Title: fmt.Sprintf(format, args...)}
}

func (s *Section) observe(format string, args ...any) {
	s.Statements = append(s.Statements, Statement{Observed, fmt.Sprintf(format, args...)})
}

func (s *Section) estimate(format string, args ...any) {
	s.Statements = append(s.Statements, Statement{Estimated, fmt.Sprintf(format, args...)})
}

// conclude is estimate, after the members.
func (s *Section) conclude(format string, args ...any) {
	s.After = append(s.After, Statement{Estimated, fmt.Sprintf(format, args...)})
}
