package guesthttp

import "slices"

// A counter counts the requests of one kind of server. It is the sum of the
// series that its selector selects.
type counter struct {
	*selector
	text           string // The selector, as users write it.
	countsOwnReads bool   // It includes our own reads of the status page.
}

// wellKnownSelectors lists the well-known counters of requests. If a response has
// several of them, the first one is used: servers and proxies come before the
// libraries of applications, whose names are less specific, and counters that
// count each request once come before less exact ones.
//
// The selectors exclude requests for the server's own status and health pages if
// labels identify them. If countsOwnReads is set, labels do not identify them,
// but each read of ours adds one to the counter.
var wellKnownSelectors = []struct {
	text           string
	countsOwnReads bool
}{
	// nginx-prometheus-exporter reads stub_status once for each of our reads.
	{`nginx_http_requests_total`, true},
	// nginx-module-vts. The host * is the sum of all others; not all versions have the code "total".
	{`nginx_vts_server_requests_total{host="*",code=~".xx"}`, true},
	// ingress-nginx, which serves its metrics on another server.
	{`nginx_ingress_controller_requests`, false},
	// apache_exporter reads mod_status once for each of our reads.
	{`apache_accesses_total`, true},
	// HAProxy's own exporter calls the frontend "proxy", haproxy_exporter calls it "frontend".
	{`haproxy_frontend_http_requests_total{proxy!~"(haproxy[-_]?)?(admin|metrics|monitoring|prometheus|stats)",frontend!~"(haproxy[-_]?)?(admin|metrics|monitoring|prometheus|stats)"}`, false},
	// Envoy; agent and stats are Istio's, eg- are Envoy Gateway's.
	{`envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix!~"admin|agent|stats|eg-(ready|stats)-http"}`, false},
	{`envoy_http_downstream_rq_xx{envoy_http_conn_manager_prefix!~"admin|agent|stats|eg-(ready|stats)-http"}`, false},
	{`traefik_entrypoint_requests_total{entrypoint!~"metrics|traefik"}`, false},
	// Caddy counts a request once for each handler in a server's routes, so the sum
	// over all handlers is too large. A site with a host name has one such handler,
	// subroute. A site without a host name has several, the last of which answers
	// and is one of file_server, reverse_proxy and static_response.
	{`caddy_http_requests_total{handler="subroute"}`, false},
	{`caddy_http_requests_total{handler=~"file_server|reverse_proxy|static_response"}`, false},
	// IIS, by windows_exporter, which is not served by IIS itself.
	{`windows_iis_requests_total{site!="_Total"}`, false},
	// Micrometer: Spring Boot, Micronaut, Quarkus.
	{`http_server_requests_seconds_count{uri!~".*/actuator(/.*)?|/q/.*|/metrics|/prometheus"}`, false},
	// OpenTelemetry: its stable and its older semantic conventions.
	{`http_server_request_duration_seconds_count{http_route!~".*/metrics"}`, false},
	{`http_server_duration_milliseconds_count{http_route!~".*/metrics",http_target!~".*/metrics"}`, false},
	// Applications of any kind.
	{`http_requests_total{handler!~"/?metrics|/-/.*",path!~"/metrics|/-/.*",route!~"/metrics|/-/.*",uri!~"/metrics|/-/.*",endpoint!~"/metrics|/-/.*"}`, false},
	{`http_requests_received_total{endpoint!~"/?metrics"}`, false}, // prometheus-net.
	{`http_request_duration_seconds_count{handler!~"/?metrics|/-/.*",path!~"/metrics|/-/.*",route!~"/metrics|/-/.*",uri!~"/metrics|/-/.*",endpoint!~"/metrics|/-/.*"}`, false},
}

// wellKnown holds the counters of wellKnownSelectors. It is read-only.
var wellKnown = func() []counter {
	all := make([]counter, len(wellKnownSelectors))
	for i, c := range wellKnownSelectors {
		s, err := parseSelector(c.text)
		if err != nil {
			panic(err) // Any test of this package would find it.
		}
		all[i] = counter{selector: s, text: c.text, countsOwnReads: c.countsOwnReads}
	}
	return all
}()

// userCounter returns the counter of a selector that a user wrote. The selector
// may be that of a well-known counter which includes our own reads.
func userCounter(text string) (counter, error) {
	s, err := parseSelector(text)
	if err != nil {
		return counter{}, err
	}
	text = s.String()
	countsOwnReads := slices.ContainsFunc(wellKnown, func(c counter) bool { return c.text == text && c.countsOwnReads })
	return counter{selector: s, text: text, countsOwnReads: countsOwnReads}, nil
}
