package guesthttp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
)

// headBytes is how much of a page is looked at to recognise it, and all that is
// looked at of the pages of nginx and Apache, which are far smaller.
const headBytes = 64 << 10

// maxLines bounds the lines of a page, comments included.
const maxLines = 200_000

var heads = sync.Pool{New: func() any {
	b := make([]byte, headBytes)
	return &b
}}

// readHead fills buf from r as far as r goes. What follows is in rest.
func readHead(r io.Reader, buf []byte) (head []byte, rest io.Reader, err error) {
	n := 0
	for n < len(buf) {
		var read int
		read, err = r.Read(buf[n:])
		n += read
		if errors.Is(err, io.EOF) {
			return buf[:n], eof{}, nil
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return buf, r, nil
}

// headed reads a head and then the rest.
type headed struct {
	head []byte
	rest io.Reader
}

func (h *headed) Read(p []byte) (int, error) {
	if len(h.head) == 0 {
		return h.rest.Read(p)
	}
	n := copy(p, h.head)
	h.head = h.head[n:]
	return n, nil
}

// eof is a reader at its end.
type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// lineLimiter refuses pages of more than maxLines.
type lineLimiter struct {
	r     io.Reader
	lines int
}

func (l *lineLimiter) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.lines += bytes.Count(p[:n], []byte{'\n'}); l.lines > maxLines {
		return 0, fmt.Errorf("the page has more than %d lines: let the guest tell fewer series", maxLines)
	}
	return n, err
}
