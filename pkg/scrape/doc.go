// Package scrape fetches responses: each target at a steady interval and a phase of
// its own, within a timeout, with bounds on what it reads. In goes the list of
// targets, out go responses, as streams, to whoever decodes them. It does not know
// what a response means.
package scrape
