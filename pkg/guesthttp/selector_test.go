package guesthttp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// selected returns the lines of an exposition that a selector selects.
func selected(t testing.TB, text, exposition string) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(exposition) {
		c, err := userCounter(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if _, err := collectors.Get().(*collector).collect(strings.NewReader(line), []counter{c}); err == nil {
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestSelectorSelectsSeriesAsPrometheusDoes(t *testing.T) {
	const exposition = `reqs 1
reqs{code="200",path="/"} 1
reqs{code="404",path="/a\"b"} 1
reqs{code="500",path="\\d\n"} 1
reqs:rate 1
other{code="200"} 1
`
	for _, test := range []struct {
		selector string
		want     []int // Lines of the exposition, from 1.
	}{
		{`reqs`, []int{1, 2, 3, 4}},
		{` reqs { } `, []int{1, 2, 3, 4}},
		{`reqs:rate`, []int{5}},
		{`reqs{code="200"}`, []int{2}},
		{`reqs{code!="200"}`, []int{1, 3, 4}}, // A label that is missing is empty.
		{`reqs{code=""}`, []int{1}},
		{`reqs{code!=""}`, []int{2, 3, 4}},
		{`reqs{code=~"4..|5.."}`, []int{3, 4}},
		{`reqs{code!~"4..|5.."}`, []int{1, 2}},
		{`reqs{code=~"(?i)2X?00"}`, []int{2}},
		{`reqs{code=~"20"}`, nil}, // Anchored at both ends.
		{`reqs{code=~"0|200"}`, []int{2}},
		{`reqs{code=~".*"}`, []int{1, 2, 3, 4}},
		{`reqs{code=~".+",path!="/",}`, []int{3, 4}},
		{`reqs{code=~"2..",code!="200"}`, nil},
		{"reqs{ path = '/a\"b' }", []int{3}},
		{`reqs{path="/a\"b"}`, []int{3}},
		{"reqs{path=`\\d\n`}", []int{4}},
		{`reqs{path="\\d\n"}`, []int{4}},
		{`reqs{path=~".*\"b"}`, []int{3}},
		{`reqs{path=~"..."}`, []int{4}}, // A dot matches a newline, too.
		{`reqs{path="\x2f"}`, []int{2}},
		{`{__name__="reqs"}`, []int{1, 2, 3, 4}},
		{`{__name__=~"req.*|other",code="200"}`, []int{2, 6}},
		{`{__name__=~"re.*",__name__!="reqs"}`, []int{5}},
	} {
		t.Run(test.selector, func(t *testing.T) {
			lines := strings.SplitAfter(exposition, "\n")
			var want strings.Builder
			for _, n := range test.want {
				want.WriteString(lines[n-1])
			}
			if diff := cmp.Diff(want.String(), selected(t, test.selector, exposition)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestParseSelectorShowsThePositionAndTheCure(t *testing.T) {
	const only = "only a selector is allowed, without "
	const form = `write a selector such as http_requests_total{code!~"5..",handler="/"}`
	const everything = "the selector would match series of any name: begin it with the name of the counter, such as http_requests_total"
	const inQuotes = ": correct it in RE2 syntax, and double its backslashes in quotes"
	for _, test := range []struct{ selector, want string }{
		{``, everything},
		{`{}`, everything},
		{`{code="200"}`, everything},
		{`{__name__=~".*"}`, everything},
		{`{__name__!="up"}`, everything},
		{`{__name__=""}`, everything},
		{`5`, `position 1, before "5": ` + form},
		{`reqs[5m]`, `position 5, before "[5m]": ` + only + `a range such as [5m]: the rate is computed from it later`},
		{`rate(reqs[5m])`, `position 5, before "(reqs[5m])": ` + only + `functions such as rate(): the rate is computed from it later`},
		{`reqs offset 5m`, `position 6, before "offset 5m": ` + only + `offset and @`},
		{`reqs @ 1`, `position 6, before "@ 1": ` + only + `offset and @`},
		{`reqs{} + up`, `position 8, before "+ up": ` + only + `operators or anything else after it; ` + form},
		{`sum by (code) (reqs)`, `position 5, before "by (code) (reqs)": ` + only + `operators or anything else after it; ` + form},
		{`reqs{`, `position 6, at the end: the name of a label is missing; matchers look like code="200"`},
		{`reqs{,}`, `position 6, before ",}": the name of a label is missing; matchers look like code="200"`},
		{`reqs{a:b="1"}`, `position 7, before ":b=\"1\"}": one of = != =~ !~ is missing after the name of a label`},
		{`reqs{code}`, `position 10, before "}": one of = != =~ !~ is missing after the name of a label`},
		{`reqs{code=200}`, `position 11, before "200}": a quoted value is missing, such as "200"`},
		{`reqs{code="200}`, `position 11, before "\"200}": the closing " is missing`},
		{"reqs{code=`200}", "position 11, before \"`200}\": the closing ` is missing"},
		{`reqs{code="\d"}`, `position 12, before "\\d\"}": unknown escape: write a backslash as \\, or put the value in backquotes`},
		{`reqs{code="1" path="2"}`, `position 15, before "path=\"2\"}": a comma or } is missing`},
		{`reqs{code="1"`, `position 14, at the end: a comma or } is missing`},
		{`reqs{code=~"("}`, `position 6, before "code=~\"(\"}": the regular expression is invalid (missing closing ))` + inQuotes},
		{`reqs{code=~"a)|(b"}`, `position 6, before "code=~\"a)|(b\"}": the regular expression is invalid (unexpected ))` + inQuotes},
		{`reqs{code=~"(abc){900}"}`, `position 6, before "code=~\"(abc){900}\"}": the regular expressions are too large: use fewer repetitions such as {1000}, or fewer alternatives`},
		{`reqs{code=~"(?i)[a-é]"}`, `position 6, before "code=~\"(?i)[a-é]\"}": (?i) is allowed with ASCII characters only: remove it, or the other characters`},
		{"reqs{code=~`(?s-U:(?i:[a-\\x{ffff}]))`}", "position 6, before \"code=~`(?s-U:(?i:[a-\": (?i) is allowed with ASCII characters only: remove it, or the other characters"},
		{`reqs{__name__="up"}`, `position 6, before "__name__=\"up\"}": the name is already given before the brace: remove one of the two`},
		{`reqs{` + strings.Repeat(`a="",`, 32) + `}`, `position 161, before "a=\"\",}": there are more than 32 matchers: remove some`},
		{strings.Repeat("a", 4097), `the selector has 4097 bytes, the limit is 4096: shorten it`},
	} {
		t.Run(test.selector[:min(len(test.selector), 30)], func(t *testing.T) {
			s, err := parseSelector(test.selector)
			if err == nil {
				t.Fatalf("got the selector %s", s)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func FuzzSelector(f *testing.F) {
	for _, c := range wellKnownSelectors {
		f.Add(c.text)
	}
	f.Add("{__name__=~'a.*', x!=`\\`, y=\"\\xff\\u00e9\\n\"}")
	f.Add(`{__name__="not a name"}`)
	f.Add("a{b=\"\xff\"}")
	f.Add(`rate(a[5m])`)
	f.Add(`a{b=~"(?i:é|\\pL)"}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSelector(text)
		if err != nil {
			return
		}
		again, err := parseSelector(s.String())
		if len(s.String()) > maxSelectorBytes {
			return // Escapes made it longer.
		}
		if err != nil {
			t.Fatalf("%q was parsed as %s, which cannot be parsed: %v", text, s, err)
		}
		if again.String() != s.String() {
			t.Errorf("%q was parsed as %s, and that as %s", text, s, again)
		}
	})
}
