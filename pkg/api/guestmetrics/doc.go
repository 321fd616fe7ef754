// Package guestmetrics serves the API guestmetrics.io: every metric of each VMI or
// the reason why it is unknown, and how the scrapes of virt-handlers go. It
// translates what package evaluate and the sources report, and knows no rule.
// k8s.io/apiserver's own handlers take the requests: they read the namespace and
// the name from the RequestInfo that was authorized, and from nowhere else.
package guestmetrics
