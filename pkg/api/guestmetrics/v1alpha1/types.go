package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// VirtualMachineInstanceMetrics are the metrics of one VirtualMachineInstance. It has
// the name, namespace, UID and labels of the VirtualMachineInstance.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type VirtualMachineInstanceMetrics struct {
	metav1.TypeMeta `json:",inline"`

	// metadata has the name, namespace, UID and labels of the VirtualMachineInstance.
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// node is the node that the VMI runs on.
	Node string `json:"node,omitempty"`

	// pod is the active launcher pod: the one that carries the VMI's values in
	// metrics of type Pods.
	Pod string `json:"pod,omitempty"`

	// countsSince is when the warm-up ended or will end: load from before is not
	// counted. It is absent while the VMI has not been Ready, and where it counted
	// before the server knew it.
	CountsSince *metav1.Time `json:"countsSince,omitempty"`

	// excluded says why the VMI does not count in groups, with one of the reasons in
	// docs/reasons.md. It is absent for a VMI that counts.
	Excluded *Reason `json:"excluded,omitempty"`

	// vcpus is the number of vCPUs that the VMI reports, absent while it is not known.
	VCPUs *int32 `json:"vcpus,omitempty"`

	// metrics are those of the catalogue in docs/metrics.md that are known, by name.
	// +listType=map
	// +listMapKey=name
	Metrics []Metric `json:"metrics"`

	// unknown are those that are not known, by name, each with the reason.
	// +listType=map
	// +listMapKey=name
	Unknown []UnknownMetric `json:"unknown"`
}

// Metric is the value of a metric.
type Metric struct {
	// name is that of the catalogue, such as guest_cpu_utilization_percent. It ends
	// with the unit.
	Name string `json:"name"`

	// value is in the unit that the name ends with.
	Value resource.Quantity `json:"value"`

	// timestamp is when the newest sample that the value was computed from was taken.
	Timestamp metav1.Time `json:"timestamp"`

	// window is the span of time before the timestamp that a rate was computed over.
	// It is absent for values of a moment.
	Window *metav1.Duration `json:"window,omitempty"`
}

// UnknownMetric is a metric without a value.
type UnknownMetric struct {
	// name is that of the catalogue.
	Name string `json:"name"`

	Reason `json:",inline"`
}

// Reason is why something is not known or does not count.
type Reason struct {
	// reason is a code from docs/reasons.md, such as one_sample.
	Reason string `json:"reason"`

	// message says what is wrong, for a person.
	Message string `json:"message"`
}

// VirtualMachineInstanceMetricsList is a list of VirtualMachineInstanceMetrics.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type VirtualMachineInstanceMetricsList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []VirtualMachineInstanceMetrics `json:"items"`
}

// ScrapeTarget is a virt-handler that the server scrapes. It has the name of its node.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type ScrapeTarget struct {
	metav1.TypeMeta `json:",inline"`

	// metadata has the name of the node.
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// replica is the server's pod that answers: each replica scrapes for itself.
	Replica string `json:"replica"`

	// url is the address that the server scrapes.
	URL string `json:"url"`

	// health is up, down or unknown, as in Prometheus. It is unknown until the first
	// scrape ends.
	Health TargetHealth `json:"health"`

	// lastScrape is when the last scrape began.
	LastScrape *metav1.Time `json:"lastScrape,omitempty"`

	// lastSuccess is when the last scrape that succeeded began.
	LastSuccess *metav1.Time `json:"lastSuccess,omitempty"`

	// lastScrapeDuration is how long the last scrape took.
	LastScrapeDuration *metav1.Duration `json:"lastScrapeDuration,omitempty"`

	// vmis is the number of VMIs in the last response that was read.
	VMIs int32 `json:"vmis"`

	// lastError says what was wrong with the last scrape, or with a part of its
	// response. It is absent when all was well.
	LastError string `json:"lastError,omitempty"`
}

// TargetHealth is whether a target could be scraped.
//
// +enum
type TargetHealth string

// The values of TargetHealth.
const (
	TargetUp      TargetHealth = "up"
	TargetDown    TargetHealth = "down"
	TargetUnknown TargetHealth = "unknown"
)

// ScrapeTargetList is a list of ScrapeTargets.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type ScrapeTargetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ScrapeTarget `json:"items"`
}
