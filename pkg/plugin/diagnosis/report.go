package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"guest-metrics-server/pkg/plugin/findings"
)

// Report is what an examination found.
type Report struct {
	Categories []Category `json:"categories"`
	Ignored    int        `json:"-"` // How many findings were left out.
}

// Category holds checks of one area.
type Category struct {
	Name   string  `json:"name"`
	Checks []Check `json:"checks"`
}

// Check is a sentence that is true in a healthy cluster, and what speaks against it.
type Check struct {
	Statement string    `json:"statement"`
	Result    Result    `json:"result"`
	Unseen    []string  `json:"unseen,omitempty"` // What could not be seen, and why.
	Findings  []Finding `json:"findings,omitempty"`
}

// Finding is one thing that was found.
type Finding struct {
	Code     findings.Code     `json:"code"`
	Severity findings.Severity `json:"severity"`
	Title    string            `json:"title"`
	Object   Object            `json:"object"`
	Message  string            `json:"message"` // What is so here.
	Cure     string            `json:"cure"`
}

// Object names what a finding is about.
type Object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
}

// String returns the object as kubectl's messages have it.
func (o Object) String() string {
	name := o.Name
	if o.Namespace != "" {
		name = o.Namespace + "/" + o.Name
	}
	return strings.TrimSpace(o.Kind + " " + name)
}

// Result is how a check ended.
type Result string

// The results, of which the worst of a check's findings decides. What could not be
// seen is no finding.
const (
	OK      Result = "ok"
	Unseen  Result = "unseen"
	Notice         = Result(findings.Notice)
	Warning        = Result(findings.Warning)
	Problem        = Result(findings.Problem)
)

var severity = []Result{OK, Unseen, Notice, Warning, Problem}

// Result is the worst result of all checks.
func (r *Report) Result() Result {
	worst := OK
	for _, category := range r.Categories {
		for _, check := range category.Checks {
			worst = worse(worst, check.Result)
		}
	}
	return worst
}

func worse(a, b Result) Result {
	if slices.Index(severity, a) >= slices.Index(severity, b) {
		return a
	}
	return b
}

// Findings returns all findings in the order of the report.
func (r *Report) Findings() []Finding {
	var all []Finding
	for _, category := range r.Categories {
		for _, check := range category.Checks {
			all = append(all, check.Findings...)
		}
	}
	return all
}

// Examine makes all checks. Findings with the codes in ignored are left out.
func Examine(s *Snapshot, ignored []findings.Code) *Report {
	x := &examination{Snapshot: s, ignored: ignored, report: &Report{}, targets: targetsOf(s)}
	x.examineAPIs()
	x.examineRights()
	x.examineKubeVirt()
	x.examineVirtHandlers()
	x.examineGuests()
	x.examineHPAs()
	return x.report
}

type examination struct {
	*Snapshot
	ignored []findings.Code
	report  *Report
	targets []*target
}

func (x *examination) category(name string) {
	x.report.Categories = append(x.report.Categories, Category{Name: name})
}

// check adds a check to the newest category.
func (x *examination) check(format string, args ...any) *checking {
	category := &x.report.Categories[len(x.report.Categories)-1]
	category.Checks = append(category.Checks, Check{Statement: fmt.Sprintf(format, args...), Result: OK})
	return &checking{x, &category.Checks[len(category.Checks)-1]}
}

// checking is a check that is being made. It is valid until the next one begins.
type checking struct {
	x     *examination
	check *Check
}

// find adds a finding.
func (c *checking) find(code findings.Code, about Object, format string, args ...any) {
	if slices.ContainsFunc(c.x.ignored, func(i findings.Code) bool { return strings.EqualFold(string(i), string(code)) }) {
		c.x.report.Ignored++
		return
	}
	info, ok := findings.Lookup(code)
	if !ok {
		panic("no such finding: " + code)
	}
	namespace := cmp.Or(about.Namespace, "NAMESPACE")
	cure := strings.NewReplacer("NAMESPACE", namespace, "NAME", about.Name).Replace(info.Cure)
	finding := Finding{code, info.Severity, info.Title, about, fmt.Sprintf(format, args...), plain(cure)}
	if slices.Contains(c.check.Findings, finding) {
		return // Two metrics of an HPA can have the same fault.
	}
	c.check.Findings = append(c.check.Findings, finding)
	c.check.Result = worse(c.check.Result, Result(info.Severity))
}

// plain makes the documentation's relative links and backquotes fit for a terminal.
func plain(markdown string) string {
	for {
		open := strings.Index(markdown, "](")
		if open < 0 {
			return strings.ReplaceAll(markdown, "`", "")
		}
		begin := strings.LastIndex(markdown[:open], "[")
		end := open + strings.Index(markdown[open:], ")")
		markdown = markdown[:begin] + "docs/" + markdown[open+2:end] + markdown[end+1:]
	}
}

// saw reports whether a part of the snapshot was read, and notes it if not.
func (c *checking) saw(unread string) bool {
	if unread == "" {
		return true
	}
	if !slices.Contains(c.check.Unseen, unread) {
		c.check.Unseen = append(c.check.Unseen, unread)
	}
	c.check.Result = worse(c.check.Result, Unseen)
	return false
}
