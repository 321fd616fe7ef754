package inventory

import "sync"

// Where the certificate authority of a namespace's guests is.
const (
	// GuestCAConfigMap is the ConfigMap in a namespace with the PEM certificates
	// that the HTTPS servers of its guests are verified with. The name is fixed
	// so that no more than it need be readable.
	GuestCAConfigMap = "guest-metrics-ca"
	// GuestCAKey is the key in it.
	GuestCAKey = "ca.crt"
)

// GuestCAs has the PEM certificates that the HTTPS servers of guests are verified
// with, per namespace. All methods are safe for concurrent use.
type GuestCAs struct {
	mu          sync.RWMutex
	ofNamespace map[string][]byte
}

// NewGuestCAs returns a GuestCAs without certificates.
func NewGuestCAs() *GuestCAs { return &GuestCAs{ofNamespace: make(map[string][]byte)} }

// Set replaces the certificates of a namespace; nil for none.
func (c *GuestCAs) Set(namespace string, pem []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if pem == nil {
		delete(c.ofNamespace, namespace)
		return
	}
	c.ofNamespace[namespace] = pem
}

// Of returns the certificates of a namespace, nil without any.
func (c *GuestCAs) Of(namespace string) []byte {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.ofNamespace[namespace]
}
