// Package guesthttp decodes the status page on which a guest's web server counts
// its requests. In go a VMI's annotations, which say where the status page is and
// what format it has, and the body of a response. Out comes a counter of requests
// and, if the status page reports it, the number of open connections. The package
// does no I/O of its own, reads no clock, and knows nothing of time windows or of
// Kubernetes.
//
// Neither the guest nor the author of its annotations is trusted: every length,
// number and effort is bounded, and error messages quote and truncate their text.
package guesthttp
