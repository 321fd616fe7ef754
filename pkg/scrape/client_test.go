package scrape

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const virtHandler = "virt-handler.kubevirt.svc"

// serve starts a TLS server that proves itself with the certificate.
func serve(t *testing.T, certificate *tls.Certificate, handler http.Handler) *httptest.Server {
	var current atomic.Pointer[tls.Certificate]
	current.Store(certificate)
	return serveCurrent(t, &current, handler)
}

// serveCurrent starts a TLS server whose certificate can be replaced. Like
// virt-handler it refuses any client certificate.
func serveCurrent(t *testing.T, current *atomic.Pointer[tls.Certificate], handler http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // Of failed handshakes, which the tests provoke.
	s.TLS = &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return current.Load(), nil },
		ClientAuth:     tls.VerifyClientCertIfGiven,
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func serveResponse(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "response") }

// scraper returns a Scraper with a client that trusts what it is given.
func scraper(trust func() Trust) *Scraper[Target] {
	client := NewClient(ClientConfig{Trust: trust, Idle: time.Minute})
	return New(Config[Target]{
		Settings: Settings{Timeout: timeout, MaxBytes: 1 << 20, Gzip: true},
		Client:   func(Target) *http.Client { return client },
	})
}

// fetch fetches a response once, as a loop does.
func (s *Scraper[T]) fetch(ctx context.Context, url string, decode DecodeFunc) error {
	var t T
	l := &loop{
		settings: &s.config.Settings, decompression: s.decompression,
		target: Target{URL: url}, client: s.config.Client(t), decode: decode,
	}
	return l.fetch(ctx)
}

func trusting(bundle []byte) func() Trust {
	return func() Trust {
		return Trust{CABundle: bundle, CASource: "ConfigMap kubevirt-ca", ServerName: virtHandler}
	}
}

// outcome renders the error of a fetch.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return string(outcomeOf(err)) + ": " + err.Error()
}

func TestOldCipherSuitesAreNotOffered(t *testing.T) {
	kubevirt := newAuthority(t, "kubevirt.io")
	s := httptest.NewUnstartedServer(http.HandlerFunc(serveResponse))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{
		Certificates: []tls.Certificate{*kubevirt.issue(t, virtHandler)},
		MaxVersion:   tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA},
	}
	s.StartTLS()
	defer s.Close()
	err := scraper(trusting(kubevirt.pem)).fetch(t.Context(), s.URL, readAll)
	if err == nil || !strings.Contains(err.Error(), "handshake failure") {
		t.Errorf("got %v, want a handshake failure", err)
	}
}

func TestAServerMustProveItself(t *testing.T) {
	kubevirt, other := newAuthority(t, "kubevirt.io"), newAuthority(t, "other")
	for _, test := range []struct {
		name        string
		certificate *tls.Certificate
		bundle      []byte
		want        string
	}{
		{"by KubeVirt's authority and the name of all virt-handlers", kubevirt.issue(t, virtHandler), kubevirt.pem, "ok"},
		{"by one of the authorities of an overlapping bundle", kubevirt.issue(t, virtHandler), append(other.pem, kubevirt.pem...), "ok"},
		{
			"not by another authority",
			other.issue(t, virtHandler), kubevirt.pem,
			"untrusted: tls: failed to verify certificate: x509: certificate signed by unknown authority",
		},
		{
			"not by another name",
			kubevirt.issue(t, "virt-api.kubevirt.svc"), kubevirt.pem,
			"untrusted: tls: failed to verify certificate: x509: certificate is valid for virt-api.kubevirt.svc, not " + virtHandler,
		},
		{
			"not while no authority is known",
			kubevirt.issue(t, virtHandler), nil,
			"untrusted: there is no certificate authority to verify it with: " +
				"ConfigMap kubevirt-ca has no certificate",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, test.certificate, http.HandlerFunc(serveResponse))
			err := scraper(trusting(test.bundle)).fetch(t.Context(), s.URL, readAll)
			if diff := cmp.Diff(test.want, outcome(err)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestARenewedAuthorityIsFollowedWithoutARestart(t *testing.T) {
	before, after := newAuthority(t, "kubevirt.io"), newAuthority(t, "kubevirt.io")
	var certificate atomic.Pointer[tls.Certificate]
	certificate.Store(before.issue(t, virtHandler))
	s := serveCurrent(t, &certificate, http.HandlerFunc(serveResponse))
	bundle := before.pem
	c := scraper(func() Trust {
		return Trust{CABundle: bundle, CASource: "ConfigMap kubevirt-ca", ServerName: virtHandler}
	})

	for _, step := range []struct {
		what        string
		certificate *tls.Certificate
		bundle      []byte
		want        Outcome
	}{
		{"at first", certificate.Load(), before.pem, ""},
		{"the bundle overlaps", certificate.Load(), append(before.pem, after.pem...), ""},
		{"the server's certificate is renewed", after.issue(t, virtHandler), append(before.pem, after.pem...), ""},
		{"the old authority is gone", certificate.Load(), after.pem, Untrusted},
		{"and the server knows it too", after.issue(t, virtHandler), after.pem, ""},
	} {
		certificate.Store(step.certificate)
		bundle = step.bundle
		s.CloseClientConnections()
		var got Outcome
		if err := c.fetch(t.Context(), s.URL, readAll); err != nil {
			got = outcomeOf(err)
		}
		if got != step.want {
			t.Errorf("%s: got outcome %q, want %q", step.what, got, step.want)
		}
	}
}

func TestNoClientCertificateIsPresented(t *testing.T) {
	ca := newAuthority(t, "kubevirt.io")
	presented := -1
	s := serve(t, ca.issue(t, virtHandler), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		presented = len(r.TLS.PeerCertificates)
		serveResponse(w, r)
	}))
	if err := scraper(trusting(ca.pem)).fetch(t.Context(), s.URL, readAll); err != nil || presented != 0 {
		t.Errorf("got error %v and %d client certificates, want neither", err, presented)
	}
}

func TestAConnectionIsUsedAgain(t *testing.T) {
	ca := newAuthority(t, "kubevirt.io")
	peers := make(map[string]bool)
	s := serve(t, ca.issue(t, virtHandler), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peers[r.RemoteAddr] = true
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(zip(t, "response"))
	}))
	c := scraper(trusting(ca.pem))
	for range 3 {
		if err := c.fetch(t.Context(), s.URL, readAll); err != nil {
			t.Fatal(err)
		}
	}
	if len(peers) != 1 {
		t.Errorf("3 responses came over %d connections, want 1", len(peers))
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	ca := newAuthority(t, "kubevirt.io")
	visited := false
	elsewhere := serve(t, ca.issue(t, virtHandler), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visited = true
		serveResponse(w, r)
	}))
	s := serve(t, ca.issue(t, virtHandler), http.RedirectHandler(elsewhere.URL, http.StatusFound))
	err := scraper(trusting(ca.pem)).fetch(t.Context(), s.URL, readAll)
	if diff := cmp.Diff("bad_status: answers 302 Found", outcome(err)); diff != "" || visited {
		t.Errorf("visited %v, -want +got:\n%s", visited, diff)
	}
}

func TestTheEnvironmentNamesNoProxy(t *testing.T) {
	// The environment's proxies are never used for loopback, so that a request
	// would prove nothing.
	if NewClient(ClientConfig{}).Transport.(*http.Transport).Proxy != nil {
		t.Error("the client uses a proxy")
	}
}

func zip(t *testing.T, text string) []byte {
	t.Helper()
	var out strings.Builder
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return []byte(out.String())
}

func TestHowMuchIsReadOfAResponse(t *testing.T) {
	ca := newAuthority(t, "kubevirt.io")
	const mebibyte = 1 << 20
	large, bomb := strings.Repeat("x", mebibyte+1), strings.Repeat("\x00", 4*mebibyte)
	for _, test := range []struct {
		name     string
		encoding string
		body     []byte
		cut      int // Bytes of the body that are announced but do not come.
		want     string
		read     int
	}{
		{"a plain response", "", []byte("text"), 0, "ok", 4},
		{"a zipped response", "gzip", zip(t, "text"), 0, "ok", 4},
		{"a response as large as allowed", "", []byte(large[1:]), 0, "ok", mebibyte},
		{"a larger response", "", []byte(large), 0, "bad_response: the response is larger than 1 MiB", mebibyte},
		{"a zipped response as large as allowed", "gzip", zip(t, large[1:]), 0, "ok", mebibyte},
		{"a larger zipped response", "gzip", zip(t, large), 0, "bad_response: the response is larger than 1 MiB", mebibyte},
		{"a bomb", "gzip", zip(t, bomb), 0, "bad_response: the response is larger than 1 MiB", mebibyte},
		{"a response that is cut short", "", []byte("text"), 1, "bad_response: unexpected EOF", 3},
		{"a zipped response that is cut short", "gzip", zip(t, "text"), 1, "bad_response: unexpected EOF", 4},
		{"a response that is not gzip as it says", "gzip", []byte("this is no gzip at all"), 0, "bad_response: the response is not gzip as its header says: gzip: invalid header", 0},
		{"a response that says gzip and is empty", "gzip", nil, 0, "bad_response: the response is not gzip as its header says: EOF", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, ca.issue(t, virtHandler), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if test.encoding != "" {
					w.Header().Set("Content-Encoding", test.encoding)
				}
				_, _ = w.Write(test.body[:len(test.body)-test.cut])
				if test.cut > 0 {
					_ = http.NewResponseController(w).Flush()
					panic(http.ErrAbortHandler) // Breaks the connection.
				}
			}))
			c := scraper(trusting(ca.pem))
			for _, round := range []string{"the first time", "once more"} {
				read := 0
				err := c.fetch(t.Context(), s.URL, func(_ context.Context, _ time.Time, r io.Reader) error {
					n, err := io.Copy(io.Discard, r)
					read = int(n)
					return err
				})
				if diff := cmp.Diff(test.want, outcome(err)); diff != "" || read > test.read {
					t.Errorf("%s %d bytes were read, want at most %d; -want +got:\n%s", round, read, test.read, diff)
				}
			}
		})
	}
}
