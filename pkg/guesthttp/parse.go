package guesthttp

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The bounds of a selector.
const (
	maxSelectorBytes = 4096
	maxMatchers      = 32   // The bits of sum.seen.
	maxRegexpSize    = 2000 // Of all regular expressions of a selector together.
)

// selectorForm is the cure for most errors.
const selectorForm = `write a selector such as http_requests_total{code!~"5..",handler="/"}`

// parser parses a selector from left to right.
type parser struct {
	text       string
	pos        int
	sel        selector
	named      bool // There is a name before the braces.
	regexpSize int
}

// parseSelector parses a selector in Prometheus' syntax: a name, matchers in
// braces, or both. An error gives the position, counted from 1, and the cure.
func parseSelector(text string) (*selector, error) {
	if len(text) > maxSelectorBytes {
		return nil, fmt.Errorf("the selector has %d bytes, the limit is %d: shorten it", len(text), maxSelectorBytes)
	}
	p := &parser{text: text}
	if err := p.selector(); err != nil {
		return nil, err
	}
	if !p.sel.restrictsName() {
		return nil, errors.New("the selector would match series of any name: begin it with the name of the counter, such as http_requests_total")
	}
	return &p.sel, nil
}

// restrictsName reports whether a matcher for the name does not match the empty
// string. Prometheus requires that of one matcher in each selector, for any label.
func (s *selector) restrictsName() bool {
	for i := range s.names {
		if !s.names[i].matches(nil) {
			return true
		}
	}
	return false
}

func (p *parser) selector() error {
	p.blanks()
	if name := p.name(true); name != "" {
		p.sel.addName(matcher{label: nameLabel, op: "=", value: name, cost: 1})
		p.named = true
	}
	p.blanks()
	if p.eat("{") {
		if err := p.matchers(); err != nil {
			return err
		}
	}
	p.blanks()
	if p.pos < len(p.text) {
		return p.errorf("%s", p.trailingProblem())
	}
	return nil
}

// trailingProblem says what is wrong with the text after a selector.
func (p *parser) trailingProblem() string {
	const only = "only a selector is allowed, without "
	rest := p.text[p.pos:]
	switch {
	case rest[0] == '[':
		return only + "a range such as [5m]: the rate is computed from it later"
	case rest[0] == '(':
		return only + "functions such as rate(): the rate is computed from it later"
	case rest[0] == '@' || strings.HasPrefix(rest, "offset"):
		return only + "offset and @"
	case p.pos == 0:
		return selectorForm
	default:
		return only + "operators or anything else after it; " + selectorForm
	}
}

// matchers parses the text after an opening brace, up to and with the closing one.
func (p *parser) matchers() error {
	for {
		p.blanks()
		if p.eat("}") {
			return nil
		}
		if err := p.matcher(); err != nil {
			return err
		}
		p.blanks()
		if !p.eat(",") && !strings.HasPrefix(p.text[p.pos:], "}") {
			return p.errorf("a comma or } is missing")
		}
	}
}

func (p *parser) matcher() error {
	start := p.pos
	m := matcher{label: p.name(false), cost: 1}
	if m.label == "" {
		return p.errorf(`the name of a label is missing; matchers look like code="200"`)
	}
	p.blanks()
	if m.op = p.operator(); m.op == "" {
		return p.errorf("one of = != =~ !~ is missing after the name of a label")
	}
	p.blanks()
	var err error
	if m.value, err = p.quoted(); err != nil {
		return err
	}
	if err := p.compile(&m, start); err != nil {
		return err
	}
	return p.add(m, start)
}

// compile compiles the regular expression of a matcher, if it has one.
func (p *parser) compile(m *matcher, start int) error {
	if m.op == "=" || m.op == "!=" {
		return nil
	}
	if foldsCase.MatchString(m.value) && !isSimplyASCII(m.value) {
		return p.errorAt(start, "(?i) is allowed with ASCII characters only: remove it, or the other characters")
	}
	parsed, err := syntax.Parse(m.value, syntax.Perl) // Without the parentheses added below, in which "a)|(b" would be valid.
	if err != nil {
		return p.errorAt(start, "the regular expression is invalid (%s): correct it in RE2 syntax, and double its backslashes in quotes", regexpProblem(err))
	}
	m.cost = regexpSize(parsed)
	if p.regexpSize += m.cost; p.regexpSize > maxRegexpSize {
		return p.errorAt(start, "the regular expressions are too large: use fewer repetitions such as {1000}, or fewer alternatives")
	}
	if m.re, err = regexp.Compile("^(?s:" + m.value + ")$"); err != nil {
		return p.errorAt(start, "the regular expression is invalid (%s): correct it in RE2 syntax", regexpProblem(err))
	}
	return nil
}

// foldsCase matches the flag that makes a regular expression ignore case.
var foldsCase = regexp.MustCompile(`\(\?[A-Za-z-]*i`)

// isSimplyASCII reports whether a regular expression has no character ranges
// beyond ASCII. With (?i), regexp/syntax visits each character of a range, so a
// short expression of many large ranges would take seconds to parse.
func isSimplyASCII(expression string) bool {
	for i := range len(expression) {
		if expression[i] >= utf8.RuneSelf {
			return false
		}
	}
	return !strings.Contains(expression, `\x{`)
}

// regexpProblem returns what is wrong without quoting the expression.
func regexpProblem(err error) string {
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		return e.Code.String()
	}
	return "it cannot be compiled"
}

// add adds a matcher to the selector.
func (p *parser) add(m matcher, start int) error {
	if len(p.sel.names)+len(p.sel.labels) >= maxMatchers {
		return p.errorAt(start, "there are more than %d matchers: remove some", maxMatchers)
	}
	if m.label != nameLabel {
		p.sel.labels = append(p.sel.labels, m)
		return nil
	}
	if p.named {
		return p.errorAt(start, "the name is already given before the brace: remove one of the two")
	}
	p.sel.addName(m)
	return nil
}

func (s *selector) addName(m matcher) {
	s.names = append(s.names, m)
	s.nameCost += m.cost
	s.exact = ""
	if len(s.names) == 1 && m.op == "=" {
		s.exact = m.value
	}
}

func (p *parser) operator() string {
	for _, op := range []string{"=~", "!~", "!=", "="} {
		if p.eat(op) {
			return op
		}
	}
	return ""
}

// quoted parses a string in one of Prometheus' three kinds of quotes.
func (p *parser) quoted() (string, error) {
	start := p.pos
	for _, quote := range []string{`"`, `'`, "`"} {
		if !p.eat(quote) {
			continue
		}
		if quote == "`" {
			raw, _, closed := strings.Cut(p.text[p.pos:], quote)
			if !closed {
				return "", p.errorAt(start, "the closing ` is missing")
			}
			p.pos += len(raw) + 1
			return raw, nil
		}
		return p.unescaped(start, quote[0])
	}
	return "", p.errorf(`a quoted value is missing, such as "200"`)
}

// unescaped parses a string with escapes, up to and with its closing quote.
func (p *parser) unescaped(start int, quote byte) (string, error) {
	var out []byte
	for p.pos < len(p.text) {
		if p.text[p.pos] == quote {
			p.pos++
			return string(out), nil
		}
		c, multibyte, rest, err := strconv.UnquoteChar(p.text[p.pos:], quote)
		if err != nil {
			return "", p.errorf("unknown escape: write a backslash as \\\\, or put the value in backquotes")
		}
		switch next := len(p.text) - len(rest); {
		case p.text[p.pos] != '\\':
			out = append(out, p.text[p.pos:next]...) // As it is, even if it is not UTF-8.
		case multibyte:
			out = utf8.AppendRune(out, c)
		default:
			out = append(out, byte(c))
		}
		p.pos = len(p.text) - len(rest)
	}
	return "", p.errorAt(start, "the closing %c is missing", quote)
}

func (p *parser) name(colons bool) string {
	name := p.text[p.pos : p.pos+nameEnd(p.text[p.pos:], colons)]
	p.pos += len(name)
	return name
}

func (p *parser) eat(token string) bool {
	found := strings.HasPrefix(p.text[p.pos:], token)
	if found {
		p.pos += len(token)
	}
	return found
}

func (p *parser) blanks() {
	p.pos = len(p.text) - len(strings.TrimLeft(p.text[p.pos:], " \t\r\n"))
}

func (p *parser) errorf(format string, args ...any) error {
	return p.errorAt(p.pos, format, args...)
}

// errorAt returns an error that shows its position in the selector.
func (p *parser) errorAt(pos int, format string, args ...any) error {
	where := fmt.Sprintf("before %.20q", p.text[pos:])
	if pos == len(p.text) {
		where = "at the end"
	}
	return fmt.Errorf("position %d, %s: %s", pos+1, where, fmt.Sprintf(format, args...))
}
