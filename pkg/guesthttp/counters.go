package guesthttp

import "slices"

// A counter is a series, or several that are summed, that counts the requests
// of one kind of server.
type counter struct {
	selector string // In the form that users write, too.
	countsUs bool   // Our own read of the page is counted with the others.
}

// counters lists the well-known counters of requests. On a page with several of
// them the first one counts: servers and proxies come before the libraries of
// applications, whose names are less specific, and what counts a request once
// comes before what may count it less well.
//
// What a server tells of its own status and health pages is left out where its
// labels tell them apart. Where countsUs is set there is no telling apart, but
// each read makes the counter one larger.
var counters = []counter{
	// nginx-prometheus-exporter asks stub_status once for each of our reads.
	{`nginx_http_requests_total`, true},
	// nginx-module-vts. The host * is the sum of all others; not all versions have the code "total".
	{`nginx_vts_server_requests_total{host="*",code=~".xx"}`, true},
	// ingress-nginx; its metrics have a server of their own.
	{`nginx_ingress_controller_requests`, false},
	// apache_exporter asks mod_status once for each of our reads.
	{`apache_accesses_total`, true},
	// HAProxy's own exporter calls the frontend "proxy", haproxy_exporter calls it "frontend".
	{`haproxy_frontend_http_requests_total{proxy!~"(haproxy[-_]?)?(admin|metrics|monitoring|prometheus|stats)",frontend!~"(haproxy[-_]?)?(admin|metrics|monitoring|prometheus|stats)"}`, false},
	// Envoy; agent and stats are Istio's, eg- are Envoy Gateway's.
	{`envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix!~"admin|agent|stats|eg-(ready|stats)-http"}`, false},
	{`envoy_http_downstream_rq_xx{envoy_http_conn_manager_prefix!~"admin|agent|stats|eg-(ready|stats)-http"}`, false},
	{`traefik_entrypoint_requests_total{entrypoint!~"metrics|traefik"}`, false},
	// Caddy counts a request once for each handler that a server's routes list, so
	// the sum over handlers is too large. A site with a host name has one such
	// handler, subroute, whatever is in it; a site without one has its handlers
	// side by side, of which one of these comes last and answers.
	{`caddy_http_requests_total{handler="subroute"}`, false},
	{`caddy_http_requests_total{handler=~"file_server|reverse_proxy|static_response"}`, false},
	// IIS by windows_exporter, which does not go through IIS itself.
	{`windows_iis_requests_total{site!="_Total"}`, false},
	// Micrometer: Spring Boot, Micronaut, Quarkus.
	{`http_server_requests_seconds_count{uri!~".*/actuator(/.*)?|/q/.*|/metrics|/prometheus"}`, false},
	// OpenTelemetry, by its stable and its older conventions.
	{`http_server_request_duration_seconds_count{http_route!~".*/metrics"}`, false},
	{`http_server_duration_milliseconds_count{http_route!~".*/metrics",http_target!~".*/metrics"}`, false},
	// Applications of any kind.
	{`http_requests_total{handler!~"/?metrics|/-/.*",path!~"/metrics|/-/.*",route!~"/metrics|/-/.*",uri!~"/metrics|/-/.*",endpoint!~"/metrics|/-/.*"}`, false},
	{`http_requests_received_total{endpoint!~"/?metrics"}`, false}, // prometheus-net.
	{`http_request_duration_seconds_count{handler!~"/?metrics|/-/.*",path!~"/metrics|/-/.*",route!~"/metrics|/-/.*",uri!~"/metrics|/-/.*",endpoint!~"/metrics|/-/.*"}`, false},
}

// A wanted counter is one whose series are to be summed.
type wanted struct {
	*selector
	text     string // The selector, for people.
	countsUs bool
}

// wellKnown is the built-in list, ready for use; it is not changed.
var wellKnown = func() []wanted {
	all := make([]wanted, len(counters))
	for i, c := range counters {
		s, err := parseSelector(c.selector)
		if err != nil {
			panic(err) // A test reads this list before anybody else does.
		}
		all[i] = wanted{selector: s, text: c.selector, countsUs: c.countsUs}
	}
	return all
}()

// countsUs tells whether our own reads are in the counter of a user's selector,
// which may be one of the built-in list.
func countsUs(selector string) bool {
	return slices.Contains(counters, counter{selector, true})
}
