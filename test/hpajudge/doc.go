// Package hpajudge holds what the two comparisons of pkg/hpa with Kubernetes'
// controller share: test/hpa runs its code in virtual time, test/hpalive the
// controller of a cluster.
package hpajudge
