// Package guests says which VMIs belong to a pool, a replica set, a Service or
// another object, as the server has it, from what guestmetrics.io and Kubernetes'
// objects say. It knows no metric.
package guests
