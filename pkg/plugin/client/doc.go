// Package client makes the clients that the verbs of kubectl guest-metrics share of
// the usual flags of kubectl. It asks and decodes, and knows nothing of what the
// answers mean.
package client
