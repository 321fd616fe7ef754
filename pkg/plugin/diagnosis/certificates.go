package diagnosis

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"guest-metrics-server/pkg/plugin/findings"
)

// expiresSoon is how much of its life a certificate must have left, if that is less
// than a fifth.
const expiresSoon = 14 * 24 * time.Hour

func (x *examination) checkCertificates() {
	c := x.check("certificates are valid, and for 14 days more")
	if !c.saw(x.APIServices.Unread) {
		return
	}
	roots := make(map[service]*x509.CertPool)
	for i := range x.APIServices.Items {
		a := &x.APIServices.Items[i]
		if len(a.Spec.CABundle) == 0 {
			continue
		}
		pool := x509.NewCertPool()
		for _, certificate := range parse(a.Spec.CABundle) {
			pool.AddCert(certificate)
		}
		roots[serviceOf(a)] = pool
		// One of several may have expired, as after a renewal.
		if newest := lastToExpire(parse(a.Spec.CABundle)); newest != nil {
			c.judgeExpiry(newest, Object{"APIService", "", a.Name}, "caBundle")
		}
	}
	if !c.saw(x.Certificates.Unread) {
		return
	}
	for _, serving := range x.Certificates.Items {
		c.judgeServing(serving, roots[service{serving.Namespace, serving.Service}])
	}
}

func (c *checking) judgeServing(serving ServingCertificate, roots *x509.CertPool) {
	object := Object{"Secret", serving.Namespace, serving.Secret}
	chain := parse(serving.PEM)
	if len(chain) == 0 {
		c.find(findings.CertificateUnsigned, object, "tls.crt contains no certificate")
		return
	}
	if expired := c.judgeExpiry(chain[0], object, "tls.crt"); expired || roots == nil {
		return
	}
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		DNSName:       fmt.Sprintf("%s.%s.svc", serving.Service, serving.Namespace),
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   c.x.Time,
	})
	if err != nil {
		c.find(findings.CertificateUnsigned, object, "%v", err)
	}
}

// judgeExpiry reports whether a certificate has expired.
func (c *checking) judgeExpiry(certificate *x509.Certificate, object Object, where string) bool {
	left := certificate.NotAfter.Sub(c.x.Time)
	life := certificate.NotAfter.Sub(certificate.NotBefore)
	at := certificate.NotAfter.UTC().Format(time.RFC3339)
	switch {
	case left <= 0:
		c.find(findings.CertificateExpired, object, "%s expired at %s", where, at)
		return true
	case left < min(expiresSoon, life/5):
		c.find(findings.CertificateExpiring, object, "%s expires at %s, in %s", where, at, rough(left))
	}
	return false
}

// rough returns a duration in its largest unit.
func rough(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	default:
		return fmt.Sprintf("%d s", d/time.Second)
	}
}

// parse returns the certificates of PEM blocks and leaves out what is none.
func parse(blocks []byte) []*x509.Certificate {
	var certificates []*x509.Certificate
	for {
		var block *pem.Block
		if block, blocks = pem.Decode(blocks); block == nil {
			return certificates
		}
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			certificates = append(certificates, certificate)
		}
	}
}

func lastToExpire(certificates []*x509.Certificate) *x509.Certificate {
	var last *x509.Certificate
	for _, certificate := range certificates {
		if last == nil || certificate.NotAfter.After(last.NotAfter) {
			last = certificate
		}
	}
	return last
}
