package exposition

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
)

// MaxLineBytes is the longest line that the zero Scanner reads. A VMI's labels, which
// users choose, are on each of its lines; Kubernetes bounds all of an object's
// labels and annotations together only by etcd's object size.
const MaxLineBytes = 256 << 10

// Buffers lends buffers to Scanners. It is safe for concurrent use.
type Buffers struct{ pool sync.Pool }

// NewBuffers returns Buffers for expositions with lines of up to the given length.
func NewBuffers(maxLineBytes int) *Buffers {
	return &Buffers{sync.Pool{New: func() any {
		b := make([]byte, maxLineBytes)
		return &b
	}}}
}

var defaultBuffers = NewBuffers(MaxLineBytes)

// Scanner steps through the series lines of an exposition. Callers loop over Scan,
// look at Name, and for the series that they want call NextLabel until it
// returns false, then Value:
//
//	for s.Scan() {
//		if !wanted(s.Name()) {
//			s.SkipFamily()
//			continue
//		}
//		for name, value, ok := s.NextLabel(); ok; name, value, ok = s.NextLabel() { ... }
//		v, err := s.Value()
//	}
//	return s.Err()
//
// The zero Scanner reads nothing; call Reset first. It reads lines of up to
// MaxLineBytes, with their newline; one of NewScanner as its Buffers have it. A
// longer line is an error, or skipped: see SkipLongLines. A Scanner holds a buffer
// from Reset until Scan returns false, so that thousands of resting Scanners
// cost next to nothing. It is not safe for concurrent use.
type Scanner struct {
	r          io.Reader
	buffers    *Buffers
	pooled     *[]byte
	buf        []byte
	start, end int // The unread part of buf.
	before     int // Bytes of the exposition before buf.
	lineAt     int // Where on the exposition the line begins.
	readErr    error
	err        error
	skipped    func(LongLine)
	longName   []byte
	afterLong  bool // The last series was a long line.
	skipping   bool

	name      []byte
	family    []byte // The name, to keep.
	sameName  bool
	rest      []byte // What follows the name, less what NextLabel has eaten.
	inLabels  bool
	closing   int // What follows the labels, from the closing brace on, in bytes; 0 when nobody asked.
	malformed error
	unescaped []byte
}

// NewScanner returns a Scanner that borrows its buffers there.
func NewScanner(b *Buffers) *Scanner { return &Scanner{buffers: b} }

// Reset makes s read the exposition r from its start.
func (s *Scanner) Reset(r io.Reader) {
	buffers, pooled := s.buffers, s.pooled
	if buffers == nil {
		buffers = defaultBuffers
	}
	if pooled == nil {
		pooled = buffers.pool.Get().(*[]byte)
	}
	*s = Scanner{
		r: r, buffers: buffers, pooled: pooled, buf: *pooled,
		skipped: s.skipped, longName: s.longName, family: s.family[:0], unescaped: s.unescaped[:0],
	}
}

// release gives the buffer back. Nothing borrowed is valid any more.
func (s *Scanner) release() {
	if s.pooled != nil {
		s.buffers.pool.Put(s.pooled)
	}
	s.pooled, s.buf, s.start, s.end = nil, nil, 0, 0
	s.name, s.rest = nil, nil
}

// Scan moves to the next series line. It returns false at the end of the exposition
// or at an error of the reader; Err says which.
func (s *Scanner) Scan() bool {
	for s.pooled != nil {
		if s.skipping {
			s.skipLines()
		}
		line, ok := s.nextLine()
		if !ok {
			s.release()
			return false
		}
		for len(line) > 0 && blank(line[0]) {
			line = line[1:]
		}
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		s.cutName(line)
		s.afterLong = false
		s.inLabels, s.closing = len(s.rest) > 0 && s.rest[0] == '{', 0
		if s.inLabels {
			s.rest = s.rest[1:]
		}
		s.malformed = nil
		return true
	}
	return false
}

// cutName splits a line after its name. The lines of a family follow each other,
// so most often the name is that of the line before.
func (s *Scanner) cutName(line []byte) {
	n := len(s.family)
	s.sameName = n > 0 && n < len(line) && endsName(line[n]) && string(line[:n]) == string(s.family)
	if !s.sameName {
		for n = 0; n < len(line) && !endsName(line[n]); n++ {
		}
		s.family = append(s.family[:0], line[:n]...)
	}
	rest := line[n:]
	for len(rest) > 0 && blank(rest[0]) {
		rest = rest[1:]
	}
	s.name, s.rest = line[:n], rest
}

func endsName(c byte) bool { return c == '{' || blank(c) }

// SkipFamily lets the next Scan leave out the lines that follow and have the same
// name, at several times the speed.
func (s *Scanner) SkipFamily() { s.skipping = true }

// skipLines moves to the next line with another name than the last one, or to the
// end of the response.
func (s *Scanner) skipLines() {
	s.skipping = false
	last := s.family
	if s.afterLong {
		last = s.longName
	}
	n := len(last)
	for {
		for s.end-s.start <= n && s.readErr == nil {
			s.fill()
		}
		unread := s.buf[s.start:s.end]
		i := 0 // Where a line with the name ends.
		for len(unread) > n && endsName(unread[n]) && string(unread[:n]) == string(last) {
			if i = bytes.IndexByte(unread, '\n'); i < 0 {
				break
			}
			unread = unread[i+1:]
		}
		s.start = s.end - len(unread)
		switch {
		case i < 0 && !s.skipLine():
			return
		case i >= 0 && (len(unread) > n || s.readErr != nil):
			return
		}
	}
}

// skipLine moves behind the line that goes on beyond what is in the buffer. It
// returns false at the end of the response.
func (s *Scanner) skipLine() bool {
	for s.readErr == nil {
		s.start = s.end
		s.fill()
		if i := bytes.IndexByte(s.buf[s.start:s.end], '\n'); i >= 0 {
			s.start += i + 1
			return true
		}
	}
	s.start = s.end
	return false
}

// Name returns the name of the series. The bytes are valid until the next Scan.
func (s *Scanner) Name() []byte { return s.name }

// SameName reports whether the name is that of the series before.
func (s *Scanner) SameName() bool { return s.sameName }

// RawLabels returns the labels that NextLabel has not returned yet as they stand
// on the exposition, escaped, without the closing brace. Of a malformed line it returns
// anything. The bytes are valid until the next Scan.
func (s *Scanner) RawLabels() []byte {
	if !s.inLabels {
		return nil
	}
	return s.rest[:max(0, s.labelsEnd())]
}

// labelsEnd returns the index of the closing brace, which is the last one, since no
// value has one; -1 without a brace.
func (s *Scanner) labelsEnd() int {
	if s.closing == 0 {
		s.closing = len(s.rest) - bytes.LastIndexByte(s.rest, '}')
	}
	return len(s.rest) - s.closing
}

// SkipLabels reads over what RawLabels returns, without a look at it.
func (s *Scanner) SkipLabels() {
	if s.inLabels {
		s.rest, s.inLabels = s.rest[max(0, s.labelsEnd()+1):], false
	}
}

// HasExemplar reports whether an exemplar, such as those of OpenMetrics, follows the
// labels that have been read to their end.
func (s *Scanner) HasExemplar() bool { return !s.inLabels && bytes.IndexByte(s.rest, '}') >= 0 }

// NextLabel returns the next label of the series and its unescaped value, or
// false after the last one and on a malformed line, which Value then reports.
// The bytes are valid until the next call of NextLabel or Scan.
func (s *Scanner) NextLabel() (name, value []byte, ok bool) {
	if !s.inLabels || s.malformed != nil {
		return nil, nil, false
	}
	for len(s.rest) > 0 && (s.rest[0] == ',' || blank(s.rest[0])) {
		s.rest = s.rest[1:]
	}
	if len(s.rest) > 0 && s.rest[0] == '}' {
		s.rest, s.inLabels = s.rest[1:], false
		return nil, nil, false
	}
	eq := bytes.IndexByte(s.rest, '=')
	if eq <= 0 || eq+1 >= len(s.rest) || s.rest[eq+1] != '"' {
		s.malformed = s.lineError("a label is not of the form name=\"value\"")
		return nil, nil, false
	}
	name = s.rest[:eq]
	if blank(name[eq-1]) {
		name = bytes.TrimRight(name, " \t")
	}
	value, s.rest, ok = s.quoted(s.rest[eq+2:])
	if !ok {
		s.malformed = s.lineError("a label's value has no closing quote")
		return nil, nil, false
	}
	return name, value, true
}

// Value returns the value of the series, or an error that names the line and
// says what is wrong with it. It reads over labels that are left.
func (s *Scanner) Value() (float64, error) {
	for s.inLabels && s.malformed == nil {
		s.NextLabel()
	}
	if s.malformed != nil {
		return 0, s.malformed
	}
	number := s.rest
	for len(number) > 0 && blank(number[0]) {
		number = number[1:]
	}
	if v, ok := plainNumber(number); ok {
		return v, nil
	}
	if i := bytes.IndexAny(number, " \t"); i >= 0 {
		number = number[:i] // A timestamp follows.
	}
	v, err := strconv.ParseFloat(string(number), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, s.lineError(fmt.Sprintf("the value %.40q is not a number", number))
	}
	return v, nil
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// Err returns the error that ended the exposition early, nil at its true end.
func (s *Scanner) Err() error { return s.err }

func (s *Scanner) lineError(what string) error {
	return fmt.Errorf("byte %d, series %.100s: %s", s.lineAt, s.name, what)
}

// quoted returns the string whose opening quote has been read, and what
// follows its closing quote.
func (s *Scanner) quoted(in []byte) (value, rest []byte, ok bool) {
	end := bytes.IndexByte(in, '"')
	if end < 0 {
		return nil, nil, false
	}
	if bytes.IndexByte(in[:end], '\\') < 0 {
		return in[:end], in[end+1:], true
	}
	s.unescaped = s.unescaped[:0]
	for i := 0; i < len(in); i++ {
		c := in[i]
		if c == '"' {
			return s.unescaped, in[i+1:], true
		}
		if c == '\\' && i+1 < len(in) {
			i++
			switch c = in[i]; c {
			case 'n':
				c = '\n'
			case '\\', '"':
			default:
				s.unescaped = append(s.unescaped, '\\')
			}
		}
		s.unescaped = append(s.unescaped, c)
	}
	return nil, nil, false
}

// nextLine returns the next line without its end.
func (s *Scanner) nextLine() ([]byte, bool) {
	searched := s.start
	for {
		if i := bytes.IndexByte(s.buf[searched:s.end], '\n'); i >= 0 {
			line := s.buf[s.start : searched+i]
			s.lineAt = s.before + s.start
			s.start = searched + i + 1
			if n := len(line); n > 0 && line[n-1] == '\r' {
				line = line[:n-1]
			}
			return line, true
		}
		if s.readErr != nil {
			return s.lastLine()
		}
		if s.start == 0 && s.end == len(s.buf) {
			if !s.longLine() {
				return nil, false
			}
			if s.skipping {
				s.skipLines()
			}
			searched = s.start
			continue
		}
		searched = s.end - s.start
		s.fill()
	}
}

// fill reads more into the buffer, behind what is unread.
func (s *Scanner) fill() {
	if s.start > 0 {
		s.before += s.start
		s.end = copy(s.buf, s.buf[s.start:s.end])
		s.start = 0
	}
	var n int
	n, s.readErr = s.r.Read(s.buf[s.end:])
	s.end += n
}

// lastLine returns what an exposition that does not end in a newline ends with.
func (s *Scanner) lastLine() ([]byte, bool) {
	if !errors.Is(s.readErr, io.EOF) {
		s.err = s.readErr
		return nil, false
	}
	line := s.buf[s.start:s.end]
	s.lineAt = s.before + s.start
	s.start = s.end
	return line, len(line) > 0
}
