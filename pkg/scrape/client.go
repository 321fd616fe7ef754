package scrape

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Trust is what a server is verified with at the moment of a connection.
type Trust struct {
	CABundle   []byte // PEM certificates.
	CASource   string // Where the bundle comes from, for people.
	ServerName string // What the certificate must be for, whatever the address is.
	SkipVerify bool   // Takes any certificate.
}

// ClientConfig says how a client connects.
type ClientConfig struct {
	// Trust is asked at each new TLS connection, so that a renewed certificate
	// authority is used at once.
	Trust func() Trust

	// MayDial, where there is one, returns an error for an address that is not
	// to be connected to.
	MayDial func(netip.Addr) error

	DialTimeout time.Duration // Without TLS; 0 for none but the scrape's.
	Idle        time.Duration // How long a connection waits for the next scrape; 0 to close it after each.
}

// NewClient returns a client that presents no certificate, uses no proxy, keeps
// no cookie and follows no redirect.
func NewClient(c ClientConfig) *http.Client {
	dialer := &net.Dialer{Timeout: c.DialTimeout}
	if c.MayDial != nil {
		// Control sees the very address that is about to be connected to.
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return mayDial(c.MayDial, address) }
	}
	var roots rootsCache
	dialTLS := func(ctx context.Context, network, address string) (net.Conn, error) {
		config, err := roots.config(c.Trust())
		if err != nil {
			return nil, &Error{Untrusted, err}
		}
		return (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, network, address)
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			DialTLSContext:         dialTLS,
			DisableKeepAlives:      c.Idle == 0,
			DisableCompression:     true, // We decompress ourselves, to bound what comes out.
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        c.Idle,
			MaxResponseHeaderBytes: maxHeaderBytes,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

const maxHeaderBytes = 64 << 10

func mayDial(allowed func(netip.Addr) error, address string) error {
	dialed, err := netip.ParseAddrPort(address)
	if err == nil {
		err = allowed(dialed.Addr())
	}
	if err != nil {
		return &Error{Forbidden, err}
	}
	return nil
}

// modernSuites are what is offered for TLS 1.2; those of TLS 1.3 cannot be chosen.
var modernSuites = func() (ids []uint16) {
	for _, suite := range ModernCipherSuites() {
		ids = append(ids, suite.ID)
	}
	return ids
}()

// ModernCipherSuites returns the suites of TLS 1.2 with forward secrecy and
// authenticated encryption. Go's own default has some in CBC mode with SHA-1.
func ModernCipherSuites() []*tls.CipherSuite {
	return slices.DeleteFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool {
		return !slices.Contains(s.SupportedVersions, tls.VersionTLS12) || strings.Contains(s.Name, "_CBC_")
	})
}

// rootsCache parses a bundle when it has changed, not at each connection.
type rootsCache struct {
	mu   sync.Mutex
	pem  []byte
	pool *x509.CertPool
}

func (c *rootsCache) config(trust Trust) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: modernSuites, ServerName: trust.ServerName, InsecureSkipVerify: trust.SkipVerify}
	if trust.SkipVerify {
		return config, nil
	}
	var err error
	config.RootCAs, err = c.parse(trust)
	return config, err
}

func (c *rootsCache) parse(trust Trust) (*x509.CertPool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pool != nil && bytes.Equal(trust.CABundle, c.pem) {
		return c.pool, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(trust.CABundle) {
		return nil, fmt.Errorf("there is no certificate authority to verify it with: %s has no certificate", trust.CASource)
	}
	c.pem, c.pool = bytes.Clone(trust.CABundle), pool
	return pool, nil
}
