package scrape

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// nth answers the nth visit with the nth answer, and later ones with the last.
func nth(answers ...answer) answer {
	return func(r *http.Request, n int) (*http.Response, error) {
		return answers[min(n, len(answers))-1](r, n)
	}
}

func fails(err error) answer {
	return func(*http.Request, int) (*http.Response, error) { return nil, err }
}

func status(code int) answer {
	return func(*http.Request, int) (*http.Response, error) { return respond(code, http.NoBody) }
}

func body(text string, err error) answer {
	return func(*http.Request, int) (*http.Response, error) {
		if err == nil {
			return respond(http.StatusOK, strings.NewReader(text))
		}
		return respond(http.StatusOK, iotest.ErrReader(err))
	}
}

func TestHowAScrapeEnds(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer answer
		want   string // Visits, outcome and what a user reads.
	}{
		{"a response", healthy, "1 visit: ok"},
		{"busy once, then a response", nth(busy, healthy), "2 visits: ok"},
		{
			"busy at each try",
			busy,
			"5 visits: busy: answers 503: others hold all slots",
		},
		{"busy, then no answer", nth(busy, hang), "2 visits: timeout: no whole response within 13s: context deadline exceeded"},
		{"no answer", hang, "1 visit: timeout: no whole response within 13s: context deadline exceeded"},
		{"another status", status(http.StatusNotFound), "1 visit: bad_status: answers 404 Not Found"},
		{"no connection", fails(errors.New("connection refused")), "1 visit: unreachable: connection refused"},
		{
			"a certificate that is not to be trusted",
			fails(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}),
			"1 visit: untrusted: tls: failed to verify certificate: x509: certificate signed by unknown authority",
		},
		{"another response", body("hello", nil), "1 visit: bad_response: this is not the response"},
		{"a response that breaks off", body("", errors.New("connection reset by peer")), "1 visit: bad_response: connection reset by peer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := start(t.Context(), map[string]answer{"n1": test.answer}, nil)
				for s := (Status{}); s.Duration == 0 && s.Succeeded == 0 && len(s.Failed) == 0; {
					f.pass(time.Second)
					s, _ = f.Status("n1")
				}
				f.stop()
				if diff := cmp.Diff(test.want, f.outcome("n1")); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}

// outcome says how the only scrape of a host ended.
func (f *fleet) outcome(host string) string {
	visits := "1 visit"
	if n := len(f.visitsOf(host)); n != 1 {
		visits = fmt.Sprintf("%d visits", n)
	}
	s, _ := f.Status(host)
	for outcome := range s.Failed {
		return fmt.Sprintf("%s: %s: %v", visits, outcome, s.Err)
	}
	return visits + ": ok"
}

func TestABusyTargetIsAskedAgainAfterAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t.Context(), map[string]answer{"n1": busy}, func(c *Config[Target]) { c.Interval = time.Minute })
		f.pass(time.Minute + timeout)
		f.stop()
		for i, pause := range f.gaps("n1")[:4] {
			if pause < minBusyPause || pause > maxBusyPause {
				t.Errorf("pause %d is %s, want one from %s to %s", i, pause, minBusyPause, maxBusyPause)
			}
		}
	})
}

func TestABusyTargetIsGivenUpAtTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t.Context(), map[string]answer{"n1": busy}, func(c *Config[Target]) { c.Timeout = 100 * time.Millisecond })
		f.pass(interval)
		f.stop()
		s, _ := f.Status("n1")
		if s.Failed[Busy] != 1 || s.Duration != 100*time.Millisecond {
			t.Errorf("got %v after %s, want busy after the timeout", s.Failed, s.Duration)
		}
	})
}
