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

// lineLimiter returns an error for responses of more than maxLines.
type lineLimiter struct {
	r     io.Reader
	lines int
}

func (l *lineLimiter) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.lines += bytes.Count(p[:n], []byte{'\n'}); l.lines > maxLines {
		return 0, fmt.Errorf("it has more than %d lines: let the guest expose fewer series", maxLines)
	}
	return n, err
}
