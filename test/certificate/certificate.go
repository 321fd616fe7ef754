// Package certificate issues the certificates of tests and simulations: names go
// in, a certificate authority and what it signed come out. It writes no files.
package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// validity is longer than any test or simulation takes.
const validity = 10 * 24 * time.Hour

// Authority is a certificate authority.
type Authority struct {
	PEM []byte // Its certificate.

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Identity is a certificate with its key, both in PEM.
type Identity struct{ Certificate, Key []byte }

// TLS returns the identity as a server or client presents it.
func (i *Identity) TLS() (tls.Certificate, error) { return tls.X509KeyPair(i.Certificate, i.Key) }

// NewAuthority returns an authority with a key of its own, also if there is
// another of the same name.
func NewAuthority(name string) (*Authority, error) {
	template := newTemplate(pkix.Name{CommonName: name})
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	key, der, err := sign(template, template, nil)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse the certificate of %s: %w", name, err)
	}
	return &Authority{encode("CERTIFICATE", der), certificate, key}, nil
}

// NewServer returns what a server of that name presents, and the certificate in
// PEM of an authority that exists for it alone.
func NewServer(name string, addresses ...netip.Addr) (serving tls.Certificate, caPEM []byte, err error) {
	ca, err := NewAuthority(name + "-ca")
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	identity, err := ca.Server(name, []string{name}, addresses...)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	serving, err = identity.TLS()
	return serving, ca.PEM, err
}

// Client issues the identity of a user, or of a component as a client.
func (a *Authority) Client(user string, groups ...string) (*Identity, error) {
	template := newTemplate(pkix.Name{CommonName: user, Organization: groups})
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(template)
}

// Server issues the identity of a server with the given names and addresses.
func (a *Authority) Server(commonName string, dnsNames []string, addresses ...netip.Addr) (*Identity, error) {
	template := newTemplate(pkix.Name{CommonName: commonName})
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	template.DNSNames = dnsNames
	for _, address := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.IP(address.AsSlice()))
	}
	return a.issue(template)
}

func (a *Authority) issue(template *x509.Certificate) (*Identity, error) {
	template.KeyUsage = x509.KeyUsageDigitalSignature
	key, der, err := sign(template, a.certificate, a.key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the key of %s: %w", template.Subject.CommonName, err)
	}
	return &Identity{encode("CERTIFICATE", der), encode("EC PRIVATE KEY", keyDER)}, nil
}

// sign makes a key and its certificate, signed by the parent's key, or by the new
// one if that is nil.
func sign(template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte, error) {
	name := template.Subject.CommonName
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make the key of %s: %w", name, err)
	}
	if parentKey == nil {
		parentKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		return nil, nil, fmt.Errorf("sign the certificate of %s: %w", name, err)
	}
	return key, der, nil
}

func newTemplate(subject pkix.Name) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		Subject:   subject,
		NotBefore: now.Add(-time.Minute),
		NotAfter:  now.Add(validity),
	}
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
