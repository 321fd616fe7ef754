// Package guesthttp reads the page on which a guest's web server counts its
// requests: in go a VMI's annotations, which say where the page is and how it
// is written, and the text of the page; out comes a counter of requests and,
// where the page tells it, the number of open connections. It does no I/O of
// its own, reads no clock, and knows nothing of time windows or of Kubernetes.
//
// A guest may send anything, and so may whoever writes its annotations: every
// length, number and effort is bounded, and what they wrote is quoted and cut
// where an error repeats it.
package guesthttp
