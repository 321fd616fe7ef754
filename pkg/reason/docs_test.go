package reason

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/reasons.md from the table")

const docsPath = "../../docs/reasons.md"

const intro = `# Why a value is unknown

<!-- Written by "make docs" from the table in pkg/reason; a test checks that they agree. -->

A value that is unknown is left out of a list, and is an error of a single object. The error ends with the
reason. ` + "`Status.details.causes`" + ` of the answer has the same as data: the code as ` + "`reason`" + `, the text as ` + "`message`" + `. The
server's own metrics count VMIs by the same codes (` + "`guest_metrics_server_vmis{state=...}`" + `), and with ` + "`-v=2`" + ` its
log says when a VMI's state changes.

Reasons are looked for in this order. The first one that holds is the answer.
`

func render() string {
	var out strings.Builder
	out.WriteString(intro)
	for _, info := range Table() {
		fmt.Fprintf(&out, "\n## %s\n\n%s", info.Code, info.Meaning)
		if info.OfGroup {
			out.WriteString(" Only groups have this reason.")
		}
		if info.Cure != "" {
			fmt.Fprintf(&out, "\n\nWhat to do: %s", info.Cure)
		}
		fmt.Fprintf(&out, "\n\n    %s\n", info.Example)
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

// Every code has a meaning and an example, and stands in the table once.
func TestTableIsComplete(t *testing.T) {
	seen := make(map[Code]bool)
	for _, info := range Table() {
		if seen[info.Code] || info.Meaning == "" || info.Example == "" {
			t.Errorf("%s stands there twice, or has no meaning or no example", info.Code)
		}
		seen[info.Code] = true
	}
}

// Groups' own reasons are counted as those of VMIs are, as when all pools of a
// list are unknown.
func TestTallyHasEveryCode(t *testing.T) {
	var tally Tally
	var want []string
	for _, info := range Table() {
		tally.Add(Errorf(info.Code, "example of %s", info.Code))
		want = append(want, fmt.Sprintf("1 %[1]s (example of %[1]s)", info.Code))
	}
	if diff := cmp.Diff(strings.Join(want, ", "), tally.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
