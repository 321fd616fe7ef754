// Package hpa computes what Kubernetes' HorizontalPodAutoscaler controller
// decides, and says how it came to that. In go the spec of an HPA, the state of
// its target with the metrics' values, and what the controller remembers; out
// comes the number of replicas with the steps that led to it. It does no I/O,
// reads no clock, imports nothing of Kubernetes, and does not know where the
// values come from.
//
// The source of every rule is k8s.io/kubernetes v1.37.2, unless it says
// otherwise; files are named from pkg/controller/podautoscaler. The module
// test/hpa runs that controller itself on random states and compares, in virtual
// time; test/hpalive compares with the one of a running cluster. Package
// autoscaling converts Kubernetes' objects.
//
// Values are int64 in thousandths of the metric's unit, as in the controller,
// which reads a quantity's MilliValue: names that end in Milli hold such.
package hpa
