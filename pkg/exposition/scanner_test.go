package exposition

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// render writes what a Scanner makes of an exposition, a line for each series.
func render(r io.Reader) string {
	var out strings.Builder
	var s Scanner
	s.Reset(r)
	for s.Scan() {
		fmt.Fprintf(&out, "%s", s.Name())
		for name, value, ok := s.NextLabel(); ok; name, value, ok = s.NextLabel() {
			fmt.Fprintf(&out, " %s=%q", name, value)
		}
		if v, err := s.Value(); err != nil {
			fmt.Fprintf(&out, " error: %v\n", err)
		} else {
			fmt.Fprintf(&out, " %v\n", v)
		}
	}
	if err := s.Err(); err != nil {
		fmt.Fprintf(&out, "error: %v\n", err)
	}
	return out.String()
}

func TestScanner(t *testing.T) {
	for _, test := range []struct{ name, exposition, want string }{
		{"empty exposition", "", ""},
		{"comments and blank lines are skipped", "# HELP a b\n\n# TYPE a counter\na 1\n", "a 1\n"},
		{"no newline at the end", "a 1", "a 1\n"},
		{"line ends of Windows", "a 1\r\nb 2\r\n", "a 1\nb 2\n"},
		{"labels", `a{x="1",y="two"} 3`, "a x=\"1\" y=\"two\" 3\n"},
		{"no labels between braces", "a{} 3", "a 3\n"},
		{"a comma after the last label", `a{x="1",} 3`, "a x=\"1\" 3\n"},
		{"blanks in every place", "a{ x =\"1\" , y=\"2\" }\t3  1700000000000", "a x=\"1\" y=\"2\" 3\n"},
		{"a timestamp is ignored", "a 1 1700000000000", "a 1\n"},
		{"blanks before a line", "a 1\n  a{x=\"1\"} 3\n\t# TYPE b gauge\n b 2\n", "a 1\na x=\"1\" 3\nb 2\n"},
		{"a blank before the labels", "a {x=\"1\"} 3\n", "a x=\"1\" 3\n"},
		{"escapes", `a{x="q\"b\\n\nz",y="}"} 1`, "a x=\"q\\\"b\\\\n\\nz\" y=\"}\" 1\n"},
		{"an unknown escape stays as it is", `a{x="\d"} 1`, "a x=\"\\\\d\" 1\n"},
		{"numbers", "a 1e3\na +Inf\na NaN\na -0.5\n", "a 1000\na +Inf\na NaN\na -0.5\n"},
		{"a number beyond float64 is infinite", "a 1e999\n", "a +Inf\n"},
		{"no value", "a\nb 1\n", "a error: byte 0, series a: the value \"\" is not a number\nb 1\n"},
		{"no number", "\na{x=\"1\"} one\nb 1\n", "a x=\"1\" error: byte 1, series a: the value \"one\" is not a number\nb 1\n"},
		{"no closing quote", "a{x=\"1} 3\nb 1\n", "a error: byte 0, series a: a label's value has no closing quote\nb 1\n"},
		{"no quotes", "a{x=1} 3\nb 1\n", "a error: byte 0, series a: a label is not of the form name=\"value\"\nb 1\n"},
		{"no closing brace", "a{x=\"1\" 3\nb 1\n", "a x=\"1\" error: byte 0, series a: a label is not of the form name=\"value\"\nb 1\n"},
		{"a label without a name", "a{=\"1\"} 3\n", "a error: byte 0, series a: a label is not of the form name=\"value\"\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, render(strings.NewReader(test.exposition))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			slow := iotest.OneByteReader(strings.NewReader(test.exposition))
			if diff := cmp.Diff(test.want, render(slow)); diff != "" {
				t.Errorf("read byte by byte, -want +got:\n%s", diff)
			}
		})
	}
}

func TestScannerReadsOverLabelsThatTheCallerLeaves(t *testing.T) {
	var s Scanner
	s.Reset(strings.NewReader(`a{x="1",y="}",z="\""} 7`))
	s.Scan()
	if v, err := s.Value(); v != 7 || err != nil {
		t.Errorf("got %v, %v; want 7, nil", v, err)
	}
}

func TestScannerReportsThatTheExpositionBrokeOff(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("a 1\nb 2"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if diff := cmp.Diff("a 1\nerror: unexpected EOF\n", render(broken)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func FuzzScanner(f *testing.F) {
	f.Add("a{x=\"1\\\"\"} 2 3\n# c\nb NaN")
	f.Fuzz(func(t *testing.T, exposition string) {
		whole := render(strings.NewReader(exposition))
		if diff := cmp.Diff(whole, render(iotest.HalfReader(strings.NewReader(exposition)))); diff != "" {
			t.Errorf("the same exposition read in pieces, -whole +pieces:\n%s", diff)
		}
		whole = skipLong(strings.NewReader(exposition))
		if diff := cmp.Diff(whole, skipLong(iotest.HalfReader(strings.NewReader(exposition)))); diff != "" {
			t.Errorf("the same exposition read in pieces by a small buffer, -whole +pieces:\n%s", diff)
		}
	})
}

// skim returns the names of the series that are scanned when families whose name
// begins with "u" are unwanted.
func skim(r io.Reader) string {
	var out []string
	var s Scanner
	s.Reset(r)
	for s.Scan() {
		out = append(out, string(s.Name()))
		if s.Name()[0] == 'u' {
			s.SkipFamily()
		}
	}
	if err := s.Err(); err != nil {
		out = append(out, err.Error())
	}
	return strings.Join(out, " ")
}

func TestScannerSkipsUnwantedFamilies(t *testing.T) {
	const comment = "# TYPE x counter\n"
	for _, test := range []struct{ name, exposition, want string }{
		{"to the next name", "u 1\nu 2\na 1\nu 3\nu 4\n", "u a u"},
		{"to a name that begins alike", "u 1\nu 2\nu_bucket 1\nub 1\n", "u u_bucket ub"},
		{"to a line that begins with a blank", "u 1\n a 1\n", "u a"},
		{"to a family without comments", comment + "u 1\nu 2\na 1\n", "u a"},
		{"to a family without comments after any comment", "# by hand\nu{x=\"1\"} 1\nu{x=\"2\"} 2\na 1\n", "u a"},
		{"to the next comment", comment + "u 1\nu 2\n" + comment + "a 1\na 2\n", "u a a"},
		{"one after the other", comment + "u 1\nu 2\n" + comment + "u 3\nu 4\n" + comment + "a 1\n", "u u a"},
		{"to the end of the exposition", comment + "u 1\nu 2\n", "u"},
		{"to the end of an exposition without a newline", comment + "u 1\nu 2", "u"},
		{"over a comment's sign within a line", comment + "u{x=\"#\"} 1\nu{x=\"1#\"} 2\nu 3\n" + comment + "a 1\n", "u a"},
		{"to a comment within the family", "u 1\n" + comment + "u 2\nu 3\na 1\n", "u u a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(test.exposition), iotest.OneByteReader(strings.NewReader(test.exposition))} {
				if diff := cmp.Diff(test.want, skim(r)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
		})
	}
	broken := io.MultiReader(strings.NewReader(comment+"u 1\nu 2\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if diff := cmp.Diff("u unexpected EOF", skim(broken)); diff != "" {
		t.Errorf("an exposition that breaks off while it is skipped, -want +got:\n%s", diff)
	}
	long := comment + "u " + strings.Repeat("1", 2*MaxLineBytes) + "\nu " + strings.Repeat("1", 2*MaxLineBytes) + "\n" + comment + "a 1\n"
	if got := skim(strings.NewReader(strings.Replace(long, "u ", "u 1\nu ", 1))); got != "u a" {
		t.Errorf("lines of any length can be skipped, got %.60s", got)
	}
}
