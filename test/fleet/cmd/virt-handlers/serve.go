package main

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"guest-metrics-server/test/fleet/exposition"
)

// fleet serves the metrics of all nodes.
type fleet struct {
	template    *exposition.Template
	interval    time.Duration
	nodes       []*node
	byIP        map[string]*node
	compressors sync.Pool
	hangEvery   atomic.Int64 // Every so manieth node hangs; 0 for none.
}

// maxRequestsInFlight is the default of virt-handler's --max-metric-requests.
const maxRequestsInFlight = 3

type node struct {
	number      int
	compressed  [][]byte // Responses by round, as far as they were compressed ahead.
	inFlight    atomic.Int32
	begin       sync.Once
	firstScrape time.Time
}

// round returns how many intervals have passed since the first scrape. Scrapes
// come when half of one has, so that one that is a little early or late gets the
// numbers of its own round.
func (n *node) round(now time.Time, interval time.Duration) int {
	n.begin.Do(func() { n.firstScrape = now })
	return int(now.Sub(n.firstScrape).Round(interval) / interval)
}

// ServeHTTP answers for the node whose address was dialled.
func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || r.URL.Path != "/metrics" {
		http.NotFound(w, r)
		return
	}
	n := f.byIP[local.IP.String()]
	defer n.inFlight.Add(-1)
	if n.inFlight.Add(1) > maxRequestsInFlight {
		http.Error(w, fmt.Sprintf("Limit of concurrent requests reached (%d), try again later.", maxRequestsInFlight),
			http.StatusServiceUnavailable)
		return
	}
	if every := int(f.hangEvery.Load()); every > 0 && n.number%every == every-1 {
		<-r.Context().Done()
		return
	}
	f.serveMetrics(w, r, n)
}

// serveMetrics answers as promhttp does: gzip where the client takes it, in chunks
// since the size is not known before.
func (f *fleet) serveMetrics(w http.ResponseWriter, r *http.Request, n *node) {
	round := n.round(time.Now(), f.interval)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		_, _ = w.Write(f.template.Node(n.number).AppendText(nil, f.seconds(round)))
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	if round < len(n.compressed) {
		_, _ = w.Write(n.compressed[round])
		return
	}
	c := f.compressors.Get().(*compressor)
	defer f.compressors.Put(c)
	_, _ = w.Write(c.compress(f.template.Node(n.number), f.seconds(round)))
}

func (f *fleet) seconds(round int) float64 { return float64(round) * f.interval.Seconds() }

func (f *fleet) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hang", func(w http.ResponseWriter, r *http.Request) {
		every, err := strconv.ParseInt(r.URL.Query().Get("every"), 10, 64)
		if err != nil || every < 0 {
			http.Error(w, "every: want a number", http.StatusBadRequest)
			return
		}
		f.hangEvery.Store(every)
	})
	return mux
}
