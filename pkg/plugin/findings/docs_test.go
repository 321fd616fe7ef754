package findings

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/findings.md from the table")

const docsPath = "../../../docs/findings.md"

const intro = `# What doctor finds

<!-- Written by "make docs" from the table in pkg/plugin/findings; a test checks that they agree. -->

` + "`kubectl guest-metrics doctor`" + ` reports each finding with a code. A code never gets another meaning, so it is safe
in ` + "`--ignore`" + ` and in scripts. Problems (×) keep something from working, and doctor exits with 3; warnings (‼) will
fail or mislead some day, and with nothing worse doctor exits with 2; notices (i) are worth knowing.
`

func render() string {
	var out strings.Builder
	out.WriteString(intro)
	out.WriteString("\n| code | severity | |\n|---|---|---|\n")
	for _, info := range Table() {
		fmt.Fprintf(&out, "| [%s](#%s) | %s | %s |\n", info.Code, strings.ToLower(string(info.Code)), info.Severity, info.Title)
	}
	for _, info := range Table() {
		fmt.Fprintf(&out, "\n## %s\n\n**%s** (%s). %s\n\nCause: %s\n\nCure: %s\n",
			info.Code, info.Title, info.Severity, info.Meaning, info.Cause, info.Cure)
	}
	if codes := Retired(); len(codes) > 0 {
		fmt.Fprintf(&out, "\n## Retired codes\n\nThese are not used again: %v.\n", codes)
	}
	return out.String()
}

func TestDocsAgreeWithTheTable(t *testing.T) {
	want := render()
	if *update {
		if err := os.WriteFile(docsPath, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s does not agree with the table (make docs writes it), -want +got:\n%s", docsPath, diff)
	}
}

// Every finding says all that there is to say, once, in the order of the codes,
// and uses no code that was retired.
func TestTableIsComplete(t *testing.T) {
	form := regexp.MustCompile(`^GM\d{4}$`)
	retired := make(map[Code]bool)
	for _, code := range Retired() {
		retired[code] = true
	}
	last := Code("")
	for _, info := range Table() {
		if info.Code <= last || !form.MatchString(string(info.Code)) || retired[info.Code] {
			t.Errorf("%q after %q: want a code like GM0001, larger than the one before, and none that is retired", info.Code, last)
		}
		last = info.Code
		if info.Title == "" || info.Meaning == "" || info.Cause == "" || info.Cure == "" {
			t.Errorf("%s lacks its title, meaning, cause or cure", info.Code)
		}
		switch info.Severity {
		case Notice, Warning, Problem:
		default:
			t.Errorf("%s has the severity %q", info.Code, info.Severity)
		}
		if got, ok := Lookup(Code(strings.ToLower(string(info.Code)))); !ok || got.Code != info.Code {
			t.Errorf("%s is not found in lower case", info.Code)
		}
	}
}
