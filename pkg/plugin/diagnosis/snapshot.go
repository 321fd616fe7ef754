package diagnosis

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	poolv1beta1 "kubevirt.io/api/pool/v1beta1"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
)

// Part is what was read of one kind of object, or why it could not be read.
type Part[T any] struct {
	Items  []T
	Unread string // Why it was not read, such as "you may not list nodes"; "" if it was.
}

// Snapshot is what was read from a cluster at one time.
type Snapshot struct {
	Time      time.Time
	Namespace string // Whose guests and HPAs were read, "" for all namespaces.

	// KubernetesVersion is that of the API server, such as v1.36.3; "" if it is not known.
	KubernetesVersion string

	// APIServices are those of custom.metrics.k8s.io and guestmetrics.io, Certificates
	// those of the servers that they lead to.
	APIServices  Part[apiregistrationv1.APIService]
	Certificates Part[ServingCertificate]

	ControllerAccess Access // The HPA controller's to the metrics.
	CallerAccess     Access // The caller's to the metrics and vmimetrics of Namespace.
	CAAccess         Access // The server's to KubeVirt's CA.
	ViewRole         Part[rbacv1.ClusterRole]

	KubeVirts     Part[kubevirtv1.KubeVirt]
	Nodes         Part[corev1.Node]
	ScrapeTargets Part[v1alpha1.ScrapeTarget]

	VMIs        Part[kubevirtv1.VirtualMachineInstance]
	VMs         Part[metav1.PartialObjectMetadata]
	VMIMetrics  Part[v1alpha1.VirtualMachineInstanceMetrics]
	Pods        Part[corev1.Pod] // Launcher pods.
	Pools       Part[poolv1beta1.VirtualMachinePool]
	ReplicaSets Part[kubevirtv1.VirtualMachineInstanceReplicaSet]
	HPAs        Part[autoscalingv2.HorizontalPodAutoscaler]

	// Deployments are those of the cluster that might be other adapters.
	Deployments Part[appsv1.Deployment]
}

// ServingCertificate is the certificate that a server behind an APIService has.
type ServingCertificate struct {
	Namespace, Secret string
	Service           string // The Service in the same namespace that it serves.
	PEM               []byte
}

// Access is an answer of the API server to "may this user do that".
type Access struct {
	User    string
	Allowed bool
	Unread  string // Why the answer is not known, "" if it is.
}
