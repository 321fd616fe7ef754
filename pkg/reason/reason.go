package reason

import (
	"fmt"
	"strings"
)

// Error says why a value is unknown. Detail is for a person: a clause such as
// "warming up for another 40 s".
type Error struct {
	Code   Code
	Detail string
	Series string // The name of the series that is missing, where that is the reason.
}

// Errorf returns an Error with a formatted detail.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Error returns the detail alone; the code is for machines.
func (e *Error) Error() string { return e.Detail }

// Tally counts why the values of several objects are unknown. The zero Tally is
// empty.
type Tally struct {
	counts   map[Code]int
	examples map[Code]string
}

// Add counts a reason.
func (t *Tally) Add(err *Error) {
	if t.counts == nil {
		t.counts = make(map[Code]int)
		t.examples = make(map[Code]string)
	}
	if t.counts[err.Code]++; t.counts[err.Code] == 1 {
		t.examples[err.Code] = err.Detail
	}
}

// Cause is a reason with the number of objects that it holds for.
type Cause struct {
	Code    Code
	Count   int
	Example string // The detail of one of them.
}

// Causes returns the reasons in the order of the table.
func (t *Tally) Causes() []Cause {
	var causes []Cause
	for _, info := range table {
		if n := t.counts[info.Code]; n > 0 {
			causes = append(causes, Cause{info.Code, n, t.examples[info.Code]})
		}
	}
	return causes
}

// String lists the reasons with an example of each.
func (t *Tally) String() string {
	var parts []string
	for _, c := range t.Causes() {
		parts = append(parts, fmt.Sprintf("%d %s (%s)", c.Count, c.Code, c.Example))
	}
	return strings.Join(parts, ", ")
}
