// Package domainstats reads a virt-handler's response: in goes the text of one
// node's /metrics, out comes a sample for each VMI in it, the values of the series
// that this project serves. It does no I/O of its own and knows nothing of time
// windows, of what the Kubernetes API says of these VMIs, or of served metrics.
package domainstats
