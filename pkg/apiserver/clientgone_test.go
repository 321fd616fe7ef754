package apiserver_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"

	"guest-metrics-server/pkg/apiserver"
)

func TestClientGone(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	broken := &net.OpError{Op: "write", Err: syscall.EPIPE}
	for _, test := range []struct {
		name string
		ctx  context.Context
		err  error
		with []any
		want bool
	}{
		{"an error of the server's own", t.Context(), errors.New("no metric"), nil, false},
		{"nothing but a message", t.Context(), nil, nil, false},
		{"a request that was cancelled", cancelled, nil, nil, true},
		{"a request that took too long", expired, nil, nil, false},
		{"an answer to a closed stream", t.Context(), fmt.Errorf("cannot write: %w", errors.New("http2: stream closed")), nil, true},
		{"an answer after the request was given up", t.Context(), fmt.Errorf("cannot write: %w", http.ErrHandlerTimeout), nil, true},
		{"an answer on a closed connection", t.Context(), fmt.Errorf("cannot write: %w", broken), nil, true},
		{"a request of our own on a closed connection", t.Context(), &url.Error{Op: "Get", Err: broken}, nil, false},
		{"a question about a cancelled request", t.Context(), &url.Error{Op: "Post", Err: context.Canceled}, nil, true},
		{"a cancelled request's handler that ended", cancelled, nil, []any{"path", "/", "result", nil}, true},
		{"a cancelled request's handler that was aborted", cancelled, nil, []any{"path", "/", "result", http.ErrAbortHandler}, true},
		{"a cancelled request's handler that panicked", cancelled, nil, []any{"path", "/", "result", "index out of range"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			counted, passed := 0, 0
			handle := apiserver.UnlessClientGone(func(context.Context, error, string, ...any) { passed++ }, func() { counted++ })
			handle(test.ctx, test.err, "message", test.with...)
			if got := counted == 1; got != test.want || passed+counted != 1 {
				t.Errorf("counted %d, passed on %d, want counted to be %v", counted, passed, test.want)
			}
		})
	}
}

// The log bounds entries by where they come from.
func TestErrorsAreLoggedWithTheirPlace(t *testing.T) {
	from := logged.len()
	utilruntime.HandleError(errors.New("no metric"))
	utilruntime.HandleErrorWithContext(t.Context(), nil, "No metric")
	_, file, line, _ := runtime.Caller(0)
	found := logged.errors(from)
	if len(found) != 2 {
		t.Fatalf("%d entries, want 2: %q", len(found), found)
	}
	for i, entry := range found {
		if want := fmt.Sprintf(" %s:%d] ", filepath.Base(file), line-2+i); !strings.Contains(entry, want) {
			t.Errorf("want an entry from%s, got %s", want, entry)
		}
	}
}
