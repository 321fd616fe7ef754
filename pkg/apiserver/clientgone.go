package apiserver

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
)

// UnlessClientGone returns an ErrorHandler for k8s.io/apimachinery that passes to
// another one all but the errors of requests whose clients did not wait for the
// answer. These it counts, and logs at level 4: nobody can mend them, and any
// client can cause many. kube-apiserver itself asks for discovery five times at
// once and takes the first answer.
//
// It is to be used in place of next in ErrorHandlers.
func UnlessClientGone(next utilruntime.ErrorHandler, count func()) utilruntime.ErrorHandler {
	return func(ctx context.Context, err error, msg string, keysAndValues ...any) {
		logger := klog.FromContext(ctx)
		if !clientGone(ctx, err, keysAndValues) {
			// One call lies between now.
			next(klog.NewContext(ctx, logger.WithCallDepth(1)), err, msg, keysAndValues...)
			return
		}
		count()
		logger.V(4).Info("A client did not wait for its answer", append([]any{"what", msg, "err", err}, keysAndValues...)...)
	}
}

// clientGone reports whether an error follows from a client that went away: that
// reset its HTTP/2 stream or closed its connection.
func clientGone(ctx context.Context, err error, keysAndValues []any) bool {
	if panicked(keysAndValues) {
		return false
	}
	// The server cancels the context of such a request; that of one that takes too
	// long ends with another error.
	return errors.Is(ctx.Err(), context.Canceled) || err != nil && followsFromGone(err)
}

// panicked reports whether what a handler did after its request had ended was a
// panic; k8s.io/apiserver reports that as a value of this key.
func panicked(keysAndValues []any) bool {
	for i := 0; i+1 < len(keysAndValues); i += 2 {
		if keysAndValues[i] == "result" {
			result := keysAndValues[i+1]
			aborted, _ := result.(error)
			return result != nil && !errors.Is(aborted, http.ErrAbortHandler)
		}
	}
	return false
}

// goneTexts are what errors say that no package exports, or that were formatted
// without being wrapped.
var goneTexts = []string{
	"http2: stream closed",
	"client disconnected",
	http.ErrHandlerTimeout.Error(),
	context.Canceled.Error(),
}

// followsFromGone reports it by the error alone, for where k8s.io/apiserver reports
// no context.
func followsFromGone(err error) bool {
	for _, gone := range []error{context.Canceled, http.ErrAbortHandler, http.ErrHandlerTimeout} {
		if errors.Is(err, gone) {
			return true
		}
	}
	for _, text := range goneTexts {
		if strings.HasSuffix(err.Error(), text) {
			return true
		}
	}
	var write *net.OpError
	var ours *url.Error // A request of our own.
	return errors.As(err, &write) && write.Op == "write" && !errors.As(err, &ours)
}
