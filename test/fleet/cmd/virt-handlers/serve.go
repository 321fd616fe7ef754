package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

var pageBuffers = sync.Pool{New: func() any { return new([]byte) }}

// servePage writes a page as promhttp does: gzip where the client takes it, in
// chunks since the size is not known before.
func (h *handlers) servePage(w http.ResponseWriter, r *http.Request, n *node) {
	seconds := time.Since(h.start).Seconds()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores")
	h.served.Add(1)
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		_, _ = w.Write(n.Text(seconds))
		return
	}
	buffer := pageBuffers.Get().(*[]byte)
	defer pageBuffers.Put(buffer)
	before := time.Now()
	*buffer = n.AppendGzip((*buffer)[:0], seconds)
	h.renderedNanos.Add(time.Since(before).Nanoseconds())
	w.Header().Set("Content-Encoding", "gzip")
	_, _ = w.Write(*buffer)
}

// Stats is what /stats answers.
type Stats struct {
	Served        int64 // Pages.
	Busy          int64 // Requests that got 503.
	RenderedNanos int64
}

func (h *handlers) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(Stats{h.served.Load(), h.busy.Load(), h.renderedNanos.Load()})
	})
	mux.HandleFunc("POST /hang", func(w http.ResponseWriter, r *http.Request) {
		every, err := strconv.ParseInt(r.URL.Query().Get("every"), 10, 64)
		if err != nil || every < 0 {
			http.Error(w, "every: want a number", http.StatusBadRequest)
			return
		}
		h.hangEvery.Store(every)
	})
	return mux
}
