package exposition

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrLineTooLong says that an exposition holds a longer line than the Scanner reads.
var ErrLineTooLong = errors.New("a line is too long")

// LongLine is a series line that a Scanner skipped, since it is longer than its
// buffer. The bytes are valid during the call that gets it.
type LongLine struct {
	Name  []byte // Of the series. Empty when the name alone is longer than the buffer.
	End   []byte // The line's last bytes, up to lineEndBytes of them.
	Bytes int    // The line's length, with its newline.
}

// lineEndBytes is how much of the end of a long line is kept.
const lineEndBytes = 4 << 10

// SkipLongLines makes s skip lines that are longer than it reads, and call
// skipped for each of them but comments. skipped may call SkipFamily and no other
// method. Without it such a line ends the exposition with ErrLineTooLong.
func (s *Scanner) SkipLongLines(skipped func(LongLine)) { s.skipped = skipped }

// longLine skips the line that fills the buffer. It returns false when the exposition
// ends in an error.
func (s *Scanner) longLine() bool {
	if s.skipped == nil {
		s.err = fmt.Errorf("byte %d: %w: more than %d bytes", s.before, ErrLineTooLong, len(s.buf))
		return false
	}
	comment := s.buf[0] == '#'
	s.longName = s.longName[:0]
	if n := bytes.IndexAny(s.buf[:s.end], "{ \t"); n > 0 && !comment {
		s.longName = append(s.longName, s.buf[:n]...)
	}
	begin, kept := s.before, min(lineEndBytes, len(s.buf)/2)
	for {
		s.start = max(0, s.end-kept)
		searched := s.end - s.start
		s.fill()
		i := bytes.IndexByte(s.buf[searched:s.end], '\n')
		if i < 0 && s.readErr == nil {
			continue
		}
		if i < 0 && !errors.Is(s.readErr, io.EOF) {
			s.err = s.readErr
			return false
		}
		end, next := s.end, s.end
		if i >= 0 {
			end, next = searched+i, searched+i+1
		}
		s.start = next
		if comment {
			return true
		}
		s.afterLong = true
		s.skipped(LongLine{
			Name:  s.longName,
			End:   bytes.TrimSuffix(s.buf[max(0, end-kept):end], []byte{'\r'}),
			Bytes: s.before + next - begin,
		})
		return true
	}
}
