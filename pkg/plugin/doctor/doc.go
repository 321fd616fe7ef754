// Package doctor is the verb doctor of kubectl guest-metrics: it reads a snapshot of
// the cluster with the caller's rights and prints what pkg/plugin/diagnosis makes of
// it. It judges nothing itself.
package doctor
