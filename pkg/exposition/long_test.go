package exposition

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestScannerBoundsALine(t *testing.T) {
	var s Scanner
	s.Reset(strings.NewReader("a 1\n" + strings.Repeat("b", MaxLineBytes) + " 2\n"))
	series := 0
	for s.Scan() {
		series++
	}
	if series != 1 || !errors.Is(s.Err(), ErrLineTooLong) {
		t.Errorf("got %d series and the error %v; want 1 and %v", series, s.Err(), ErrLineTooLong)
	}
}

// smallBuffers make short lines long.
var smallBuffers = NewBuffers(64)

// skipLong returns what a Scanner that skips long lines makes of an exposition: the
// names of series, and of each long line its name, length and last 8 bytes. It
// skips families whose name begins with "u".
func skipLong(r io.Reader) string {
	var out []string
	s := NewScanner(smallBuffers)
	s.SkipLongLines(func(l LongLine) {
		out = append(out, fmt.Sprintf("long %s %d ...%s", l.Name, l.Bytes, l.End[max(0, len(l.End)-8):]))
		if strings.HasPrefix(string(l.Name), "u") {
			s.SkipFamily()
		}
	})
	s.Reset(r)
	for s.Scan() {
		v, err := s.Value()
		out = append(out, fmt.Sprint(string(s.Name()), " ", v, err, s.SameName()))
	}
	if err := s.Err(); err != nil {
		out = append(out, err.Error())
	}
	return strings.Join(out, "\n")
}

func TestScannerSkipsLongLines(t *testing.T) {
	long := func(bytes int) string {
		return "b{l=\"" + strings.Repeat("x", bytes-len("b{l=\"\"} 12\n")) + "\"} 12\n"
	}
	const comment = "# TYPE x counter\n"
	for _, test := range []struct{ name, exposition, want string }{
		{"as long as the buffer", long(64), "b 12 <nil> false"},
		{"a byte longer", "a 1\n" + long(65) + "a 2\n", "a 1 <nil> false\nlong b 65 ...xxx\"} 12\na 2 <nil> true"},
		{"much longer", "a 1\n" + long(6500) + "c 2\n", "a 1 <nil> false\nlong b 6500 ...xxx\"} 12\nc 2 <nil> false"},
		{"several", long(65) + long(128) + long(129), "long b 65 ...xxx\"} 12\nlong b 128 ...xxx\"} 12\nlong b 129 ...xxx\"} 12"},
		{"a name of the line before is none of the next", "b 1\n" + strings.ReplaceAll(long(100), "b{", "c{") + "c 2\n", "b 1 <nil> false\nlong c 100 ...xxx\"} 12\nc 2 <nil> false"},
		{"the last one without a newline", strings.TrimSpace(long(100)), "long b 99 ...xxx\"} 12"},
		{"the line end of Windows", strings.ReplaceAll(long(100), "\n", "\r\n") + "a 1\n", "long b 101 ...xxx\"} 12\na 1 <nil> false"},
		{"a name that is too long", strings.Repeat("n", 100) + "12345678\na 1\n", "long  109 ...12345678\na 1 <nil> false"},
		{"a comment", "#" + strings.Repeat(" x", 100) + "\na 1\n", "a 1 <nil> false"},
		{"of a family that is skipped then", comment + "u" + long(100) + "ub 1\n" + comment + "a 1\n", "long ub 101 ...xxx\"} 12\na 1 <nil> false"},
		{"within a family that is skipped", comment + "u 1\n" + "u" + long(100) + comment + "a 1\n", "u 1 <nil> false\nlong ub 101 ...xxx\"} 12\na 1 <nil> false"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(test.exposition), iotest.OneByteReader(strings.NewReader(test.exposition)), iotest.DataErrReader(strings.NewReader(test.exposition))} {
				if diff := cmp.Diff(test.want, skipLong(r)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
		})
	}
	broken := io.MultiReader(strings.NewReader("a 1\n"+strings.TrimSpace(long(100))), iotest.ErrReader(io.ErrUnexpectedEOF))
	if diff := cmp.Diff("a 1 <nil> false\nunexpected EOF", skipLong(broken)); diff != "" {
		t.Errorf("an exposition that breaks off in a long line, -want +got:\n%s", diff)
	}
}
