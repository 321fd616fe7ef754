package local

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCertificatesAreGoodForTheirUseOnly(t *testing.T) {
	ca, err := newAuthority("test-ca")
	if err != nil {
		t.Fatal(err)
	}
	other, err := newAuthority("test-ca")
	if err != nil {
		t.Fatal(err)
	}
	client, err := ca.client("jane", "tenants", "testers")
	if err != nil {
		t.Fatal(err)
	}
	byAddress, err := ca.server("server", nil, netip.MustParseAddr("127.100.64.1"))
	if err != nil {
		t.Fatal(err)
	}
	byName, err := ca.server("server", []string{"virt-handler.kubevirt.svc"})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		identity *identity
		ca       *authority
		name     string
		usage    x509.ExtKeyUsage
		valid    bool
	}{
		"client":                        {client, ca, "", x509.ExtKeyUsageClientAuth, true},
		"client as a server":            {client, ca, "", x509.ExtKeyUsageServerAuth, false},
		"server by its address":         {byAddress, ca, "127.100.64.1", x509.ExtKeyUsageServerAuth, true},
		"server by another's address":   {byAddress, ca, "127.100.64.2", x509.ExtKeyUsageServerAuth, false},
		"server by its name":            {byName, ca, "virt-handler.kubevirt.svc", x509.ExtKeyUsageServerAuth, true},
		"server without an address":     {byName, ca, "127.100.64.1", x509.ExtKeyUsageServerAuth, false},
		"authority of the same subject": {byName, other, "virt-handler.kubevirt.svc", x509.ExtKeyUsageServerAuth, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(test.ca.pem)
			leaf := leafOf(t, test.identity)
			_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: test.name, KeyUsages: []x509.ExtKeyUsage{test.usage}})
			if (err == nil) != test.valid {
				t.Errorf("verification ends with %v, want valid: %v", err, test.valid)
			}
		})
	}
	subject := leafOf(t, client).Subject
	if subject.CommonName != "jane" {
		t.Errorf("the client is user %s, want jane", subject.CommonName)
	}
	if diff := cmp.Diff([]string{"tenants", "testers"}, subject.Organization); diff != "" {
		t.Errorf("the client's groups (-want +got):\n%s", diff)
	}
}

func leafOf(t *testing.T, i *identity) *x509.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(i.certificate, i.key)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}
