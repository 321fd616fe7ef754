package scrape

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Trust is what a server is verified with at the moment of a connection.
type Trust struct {
	CABundle   []byte // PEM certificates.
	ServerName string // What the certificate must be for, whatever the address is.
}

// NewTLSClient returns a client that verifies servers with what trust returns
// at each new connection, so that a renewed certificate authority is used at
// once. It presents no certificate, uses no proxy and follows no redirect.
func NewTLSClient(trust func() Trust, idle time.Duration) *http.Client {
	var roots rootsCache
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		t := trust()
		pool, err := roots.parse(t.CABundle)
		if err != nil {
			return nil, &Error{Untrusted, err}
		}
		dialer := tls.Dialer{Config: &tls.Config{
			MinVersion: tls.VersionTLS12,
			RootCAs:    pool,
			ServerName: t.ServerName,
		}}
		return dialer.DialContext(ctx, network, address)
	}
	return &http.Client{
		Transport: &http.Transport{
			DialTLSContext:         dial,
			DisableCompression:     true, // We unpack ourselves, to bound what comes out.
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        idle,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// rootsCache parses a bundle when it has changed, not at each connection.
type rootsCache struct {
	mu   sync.Mutex
	pem  []byte
	pool *x509.CertPool
}

func (c *rootsCache) parse(pem []byte) (*x509.CertPool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pool != nil && bytes.Equal(pem, c.pem) {
		return c.pool, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("there is no certificate authority to verify it with: " +
			"ConfigMap kubevirt-ca in KubeVirt's namespace has no certificate under the key ca-bundle")
	}
	c.pem, c.pool = bytes.Clone(pem), pool
	return pool, nil
}
