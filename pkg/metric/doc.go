// Package metric is the catalogue of the served metrics: their names, units,
// help and formulas, and how the values of a group's members become one. In
// goes what the history knows of a VMI, out comes a reading. It does no I/O and
// knows nothing of Kubernetes.
package metric
