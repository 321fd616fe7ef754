package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	logsapi "k8s.io/component-base/logs/api/v1"

	"guest-metrics-server/pkg/apiserver"
)

// Each line of code may write so many entries at once, and from then on one in
// each interval. A longer entry counts as several, and one of more than 80 KiB is
// never written. A log that a client can fill hides what matters.
const (
	logBurst      = 20
	logInterval   = time.Minute
	logEntryBytes = 4 << 10
)

// logLimit bounds how often the log has the same entry. Entries above level 0
// are not bounded: who asks for them wants them.
type logLimit struct {
	now      func() time.Time
	withInfo bool // Bound entries of level info as well: all have level 0.

	mu    sync.Mutex
	lines map[string]*logLine // By file and line.

	leftOut, clientGone prometheus.Counter
}

// logLine is a line of code that writes into the log.
type logLine struct {
	limiter *rate.Limiter
	leftOut int // Entries since the last one that was written.
}

func newLogLimit(withInfo bool, now func() time.Time) *logLimit {
	return &logLimit{
		now:      now,
		withInfo: withInfo,
		lines:    make(map[string]*logLine),
		leftOut: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guest_metrics_server_log_entries_left_out_total",
			Help: "Entries that the log lacks because the same line of code had written many.",
		}),
		clientGone: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guest_metrics_server_client_gone_total",
			Help: "Errors of requests whose clients did not wait for the answer. The log has them at level 4 only.",
		}),
	}
}

// ApplyLogging sets up the process's log, once, before anything else is started.
func (o *Options) ApplyLogging() error {
	o.log = newLogLimit(o.Logging.Verbosity == 0, time.Now)
	streams := &logsapi.LoggingOptions{ErrorStream: o.log.writer(os.Stderr), InfoStream: o.log.writer(os.Stdout)}
	if err := logsapi.ValidateAndApplyWithOptions(o.Logging, streams, nil); err != nil {
		return fmt.Errorf("set up the log: %w", err)
	}
	utilruntime.ErrorHandlers[0] = apiserver.UnlessClientGone(utilruntime.ErrorHandlers[0], o.log.clientGone.Inc)
	return nil
}

// writer returns what passes entries on to a stream.
func (l *logLimit) writer(out io.Writer) io.Writer { return &limitedStream{l, out} }

// A limitedStream gets an entry with each Write: a header with its level and line
// of code, and one or several lines, or an object of JSON.
type limitedStream struct {
	limit *logLimit
	out   io.Writer
}

func (s *limitedStream) Write(entry []byte) (int, error) {
	line, bounded := s.limit.parse(entry)
	if !bounded {
		return s.out.Write(entry)
	}
	leftOut, ok := s.limit.take(line, 1+len(entry)/logEntryBytes)
	switch {
	case !ok:
		s.limit.leftOut.Inc()
	case leftOut == 0:
		return s.out.Write(entry)
	default:
		if _, err := s.out.Write(withLeftOut(entry, leftOut)); err != nil {
			return 0, err
		}
	}
	return len(entry), nil
}

// take reports whether an entry that counts as several may be written, and how many
// of the same line of code were left out before it.
func (l *logLimit) take(line string, entries int) (leftOut int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.lines[line]
	if p == nil {
		p = &logLine{limiter: rate.NewLimiter(rate.Every(logInterval), logBurst)}
		l.lines[line] = p
	}
	if !p.limiter.AllowN(l.now(), entries) {
		p.leftOut++
		return 0, false
	}
	leftOut, p.leftOut = p.leftOut, 0
	return leftOut, true
}

// parse returns where an entry comes from, and whether it is one to be bounded.
// What cannot be parsed is bounded as if it all came from one line of code.
func (l *logLimit) parse(entry []byte) (line string, bounded bool) {
	if bytes.HasPrefix(entry, []byte("{")) {
		var fields struct {
			Caller string `json:"caller"`
			Level  *int   `json:"v"` // Errors have none.
		}
		err := json.Unmarshal(entry, &fields)
		return fields.Caller, err != nil || fields.Level == nil || *fields.Level == 0
	}
	if header, _, ok := bytes.Cut(entry, []byte("] ")); ok {
		line = string(header[bytes.LastIndexByte(header, ' ')+1:])
	}
	return line, l.withInfo || !bytes.HasPrefix(entry, []byte("I"))
}

// withLeftOut returns an entry that says how many were left out before it.
func withLeftOut(entry []byte, leftOut int) []byte {
	text := bytes.TrimRight(entry, "\n")
	if bytes.HasPrefix(entry, []byte("{")) {
		return fmt.Appendf(nil, "%s,\"leftOut\":%d}\n", bytes.TrimSuffix(text, []byte("}")), leftOut)
	}
	return fmt.Appendf(nil, "%s leftOut=%d\n", text, leftOut)
}
