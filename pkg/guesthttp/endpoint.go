package guesthttp

import (
	"strconv"
	"strings"
)

// Endpoint says where a guest's status page is and how to decode it. The guest's
// IP address is not part of it: the caller knows it, and annotations cannot
// change it. Two endpoints that are equal (==) are read in the same way.
type Endpoint struct {
	Scheme     string // "http" or "https".
	Port       uint16 // Not 0.
	Path       string // Begins with "/" and may have a query.
	Format     Format
	Series     string // A selector; "" selects the well-known counters. Only with Prometheus, and with Auto, which then means Prometheus.
	ServerName string // If not "", the Host header and, with https, the name in the certificate. https needs it unless SkipVerify is set.
	SkipVerify bool   // With https, accept any certificate.
}

// URL returns the URL of the status page on the guest with the given IP address.
func (e Endpoint) URL(ip string) string {
	if strings.Contains(ip, ":") {
		ip = "[" + ip + "]"
	}
	return e.Scheme + "://" + ip + ":" + strconv.Itoa(int(e.Port)) + e.Path
}
