// Package exposition reads the Prometheus text format as a stream, a series
// line at a time, without allocating per line. In goes an exposition of any size, out
// come names, labels and values as borrowed bytes. It knows nothing of
// KubeVirt; it skips comments, types and timestamps, which this project does
// not need.
package exposition
