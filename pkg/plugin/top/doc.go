// Package top shows the load inside guests as kubectl top shows that of pods: a row
// for each VMI, pool, replica set or Service. In go guestmetrics.io and the answers
// of custom.metrics.k8s.io; out come rows, and a table or JSON of them. It computes
// no metric: a group's value is what the HPA gets.
package top
