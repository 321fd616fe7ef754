package guesthttp

import (
	"strconv"
	"strings"
)

// Format is how a status page is written.
type Format string

// The formats.
const (
	Auto       Format = "auto"       // Recognised anew on each page.
	Nginx      Format = "nginx"      // nginx's stub_status.
	Apache     Format = "apache"     // Apache's mod_status with ?auto.
	Prometheus Format = "prometheus" // The Prometheus text format.
)

// defaultPaths says where a page of each format usually is.
var defaultPaths = map[Format]string{
	Auto:       "/metrics",
	Nginx:      "/stub_status",
	Apache:     "/server-status?auto",
	Prometheus: "/metrics",
}

// Endpoint is where and how a guest tells its counters. The address is not part
// of it: whoever reads the page knows the guest's, and asks no other. Endpoints
// that are == are read alike.
type Endpoint struct {
	Scheme     string // "http" or "https".
	Port       uint16 // Not 0.
	Path       string // Begins with "/" and may have a query.
	Format     Format
	Series     string // A selector; "" stands for the built-in list. Only for Prometheus and Auto, where it means Prometheus.
	ServerName string // Sent as Host header if not "". With https the certificate must be for it; needed there unless SkipVerify.
	SkipVerify bool   // With https, accept any certificate.
}

// URL returns the address of the page on the guest with the given IP.
func (e Endpoint) URL(ip string) string {
	if strings.Contains(ip, ":") {
		ip = "[" + ip + "]"
	}
	return e.Scheme + "://" + ip + ":" + strconv.Itoa(int(e.Port)) + e.Path
}
