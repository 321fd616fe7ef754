// Package web makes the guests' part of HTTP metrics real: web servers with their
// own status pages at the addresses of launcher pods, and the clients' requests
// to them, counted exactly. In come the guests of a cluster and a number of
// requests per second, out come pages to scrape and the truth to compare with. It
// must not know what the server under test makes of the pages.
package web
