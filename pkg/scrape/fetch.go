package scrape

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"
)

// Outcome is how a scrape ended, in the form of a label's value.
type Outcome string

// The outcomes of scrapes.
const (
	OK          Outcome = "ok"
	Busy        Outcome = "busy"         // HTTP 503: other scrapers hold all slots.
	BadStatus   Outcome = "bad_status"   // Another HTTP status than 200.
	Timeout     Outcome = "timeout"      // No whole response in time.
	Untrusted   Outcome = "untrusted"    // The certificate could not be verified.
	Unreachable Outcome = "unreachable"  // No connection, or one that broke.
	BadResponse Outcome = "bad_response" // The response was too large or could not be read.
	Forbidden   Outcome = "forbidden"    // The address is not one to connect to.
	Crowded     Outcome = "crowded"      // Too many others were being scraped.
)

// Error is the error of a scrape.
type Error struct {
	Outcome Outcome
	Err     error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

func outcomeOf(err error) Outcome {
	var e *Error
	if errors.As(err, &e) {
		return e.Outcome
	}
	return Unreachable
}

// A busy target is asked again after a moment, so that replicas and a
// Prometheus that met there do not meet again.
const (
	minBusyPause = 200 * time.Millisecond
	maxBusyPause = 1200 * time.Millisecond
)

// fetch gets the target's response and has it decoded. The error is an Error.
func (l *loop) fetch(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		err := l.fetchOnce(ctx)
		if attempt == l.settings.BusyRetries || err == nil || outcomeOf(err) != Busy {
			return err
		}
		pause := minBusyPause + rand.N(maxBusyPause-minBusyPause)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

func (l *loop) fetchOnce(ctx context.Context) error {
	// What the response says was collected after we had a connection: it is not
	// older than that, but for the target's own cache.
	at := time.Now()
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { at = time.Now() }})
	request, err := http.NewRequestWithContext(traced, http.MethodGet, l.target.URL, nil)
	if err != nil {
		return &Error{Unreachable, fmt.Errorf("the URL %q is not valid: %w", l.target.URL, err)}
	}
	request.Host = l.target.Host
	request.Header.Set("Accept", "text/plain;version=0.0.4,*/*;q=0.1")
	encoding := "identity"
	if l.settings.Gzip {
		encoding = "gzip"
	}
	request.Header.Set("Accept-Encoding", encoding)
	request.Header.Set("User-Agent", "guest-metrics-server")
	response, err := l.client.Do(request)
	if err != nil {
		return l.transportError(ctx, err)
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusOK:
	case response.StatusCode == http.StatusServiceUnavailable && l.settings.BusyRetries > 0:
		return &Error{Busy, fmt.Errorf("answers 503: %s", l.settings.BusyMeans)}
	default:
		return &Error{BadStatus, fmt.Errorf("answers %d %s", response.StatusCode, http.StatusText(response.StatusCode))}
	}
	body := l.limited(response.Body)
	if !l.settings.Gzip || response.Header.Get("Content-Encoding") != "gzip" {
		err = l.decode(ctx, at, body)
	} else {
		err = l.decompress(ctx, body, func(response io.Reader) error { return l.decode(ctx, at, l.limited(response)) })
	}
	var known *Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return l.transportError(ctx, err)
	default:
		return &Error{BadResponse, err}
	}
}

func (l *loop) transportError(ctx context.Context, err error) error {
	var netErr net.Error
	var certErr *tls.CertificateVerificationError
	var known *Error
	var urlErr *url.Error
	// Users read the message, and addresses are none of their business.
	if errors.As(err, &urlErr) {
		err = urlErr.Err
	}
	var opErr *net.OpError
	if errors.As(err, &opErr) {
		err = fmt.Errorf("%s: %w", opErr.Op, opErr.Err)
	}
	switch {
	case errors.As(err, &known):
		return &Error{known.Outcome, err}
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return &Error{Timeout, fmt.Errorf("no whole response within %s: %w", l.settings.Timeout, err)}
	case errors.As(err, &certErr):
		return &Error{Untrusted, err}
	default:
		return &Error{Unreachable, err}
	}
}

func (l *loop) limited(r io.Reader) io.Reader {
	return &limitedReader{r: r, left: l.settings.MaxBytes, limit: l.settings.MaxBytes}
}

// limitedReader fails, rather than end, when there is more than the limit.
type limitedReader struct {
	r           io.Reader
	left, limit int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("the response is larger than %d MiB", l.limit>>20)
	}
	return n, err
}
