// Package source has the ways in which VMIs are looked into: virt-handlers, and
// the guests' own status pages. A source scrapes, joins what a response says of a
// name with the VMI that the Kubernetes API has under it, and keeps the samples.
// Of a VMI it returns the recent samples, or the reason why there are none in the
// words of that source. It knows no formula, and not which VMIs count.
package source
