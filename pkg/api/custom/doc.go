// Package custom serves the API custom.metrics.k8s.io. A request comes in; the
// package turns it into a query, and the values or the error that answer it into
// the API's types. It knows no rule by which a value counts or is unknown.
package custom
