package apiserver

import (
	"net/http"
	"strings"
	"sync"

	"k8s.io/klog/v2"
)

// withServerLog lets the http.Server that the handler runs in write into the log.
// k8s.io/apiserver lets it write to stderr, past all levels and limits, and any
// client that breaks HTTP/2's rules makes it write.
func withServerLog(handler http.Handler) http.Handler {
	var once sync.Once
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() {
			if s, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && s.ErrorLog != nil {
				s.ErrorLog.SetOutput(serverLog{})
			}
		})
		handler.ServeHTTP(w, r)
	})
}

// serverLog takes what an http.Server says.
type serverLog struct{}

func (serverLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	switch {
	case strings.Contains(text, "panic serving"), strings.Contains(text, "Accept error"):
		klog.ErrorS(nil, "The HTTP server failed", "what", text)
	default: // A client's fault.
		klog.V(4).InfoS("The HTTP server refused a client", "why", text)
	}
	return len(line), nil
}
