package scrape

import (
	"crypto/tls"
	"testing"

	"guest-metrics-server/test/certificate"
)

// authority is a certificate authority as KubeVirt's: renewed ones have the
// same name and another key.
type authority struct {
	ca  *certificate.Authority
	pem []byte
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	ca, err := certificate.NewAuthority(name)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{ca, ca.PEM}
}

// issue returns the certificate of a server. As KubeVirt's it has a DNS name
// and no address.
func (a *authority) issue(t *testing.T, dnsName string) *tls.Certificate {
	t.Helper()
	identity, err := a.ca.Server(dnsName, []string{dnsName})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := identity.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return &pair
}
