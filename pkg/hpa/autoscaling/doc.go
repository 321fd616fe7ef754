// Package autoscaling converts Kubernetes' objects to the input of package hpa: the
// spec of a HorizontalPodAutoscaler of autoscaling/v2, and pods. What the API server
// would fill in is filled in, so the objects may come from the API or from a file.
// It decides nothing.
package autoscaling
