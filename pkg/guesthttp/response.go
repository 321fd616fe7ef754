package guesthttp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
)

// headBytes is how much of a response is used to detect its format. The formats
// of nginx and Apache, whose responses are far shorter, use nothing else.
const headBytes = 64 << 10

// maxLines bounds the lines of a response, comments included.
const maxLines = 200_000

var heads = sync.Pool{New: func() any {
	b := make([]byte, headBytes)
	return &b
}}

// readHead reads from r until buf is full or r ends. The rest of r is in rest.
func readHead(r io.Reader, buf []byte) (head []byte, rest io.Reader, err error) {
	for n := 0; n < len(buf); {
		read, err := r.Read(buf[n:])
		n += read
		if errors.Is(err, io.EOF) {
			return buf[:n], eof{}, nil
		}
		if err != nil {
			return nil, nil, readError(err)
		}
	}
	return buf, r, nil
}

// eof is an empty reader that needs no allocation.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// discard reads r to its end.
func discard(r io.Reader) error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return readError(err)
	}
	return nil
}

func readError(err error) error { return fmt.Errorf("read the response: %w", err) }

// errCut is the error of a response whose last line does not end.
var errCut = errors.New("the response breaks off within a line: if it is whole, let the guest end its last line with a newline")

// watchedReader returns an error for responses of more than maxLines, and keeps
// how the response ends.
type watchedReader struct {
	r     io.Reader
	lines int
	tail  [len(endOfOpenMetrics)]byte
}

// endOfOpenMetrics ends a response in the OpenMetrics format. A newline may follow.
const endOfOpenMetrics = "# EOF"

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		kept := copy(w.tail[:], w.tail[min(n, len(w.tail)):])
		copy(w.tail[kept:], p[max(0, n-len(w.tail)):n])
	}
	if w.lines += bytes.Count(p[:n], []byte{'\n'}); w.lines > maxLines {
		return 0, fmt.Errorf("it has more than %d lines: let the guest expose fewer series", maxLines)
	}
	return n, err
}

// endsLine reports whether the last line that was read ended. A response that
// breaks off without an error, as one without a length can, mostly breaks off
// within a line, where a part of a number looks like a number.
func (w *watchedReader) endsLine() bool {
	return w.tail[len(w.tail)-1] == '\n' || string(w.tail[:]) == endOfOpenMetrics
}
