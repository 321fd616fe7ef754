package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
)

// Row has the values of one VMI, or of a group of them. What is not known is
// absent.
type Row struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`

	// Of a group: its replicas, how many of its VMIs count, and of how many of
	// these the CPU usage is known.
	Replicas *int32 `json:"replicas,omitempty"`
	Counting *int   `json:"counting,omitempty"`
	Known    *int   `json:"known,omitempty"`

	// Of a VMI.
	VCPUs *int32 `json:"vcpus,omitempty"`
	Node  string `json:"node,omitempty"`
	Pod   string `json:"pod,omitempty"`

	// Of a group the percentages are means, weighted by vCPUs, and the others sums.
	CPUCores           *float64   `json:"cpuCores,omitempty"`
	UtilizationPercent *float64   `json:"utilizationPercent,omitempty"`
	DemandPercent      *float64   `json:"demandPercent,omitempty"`
	MemoryBytes        *float64   `json:"memoryBytes,omitempty"`
	RequestsPerSecond  *float64   `json:"requestsPerSecond,omitempty"`
	Timestamp          *time.Time `json:"timestamp,omitempty"` // of the CPU usage

	// Status is OK, or the reason why the VMI does not count or its CPU usage is not
	// known, with a message.
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
}

// statusOK is the status of a VMI that counts and is known.
const statusOK = "OK"

// The metrics of the columns.
const (
	cpuUsage       = "guest_cpu_usage_cores"
	cpuUtilization = "guest_cpu_utilization_percent"
	cpuDemand      = "guest_cpu_demand_percent"
	memoryUsed     = "guest_memory_used_bytes"
	httpRequests   = "guest_http_requests_per_second"
)

var columnMetrics = []string{cpuUsage, cpuUtilization, cpuDemand, memoryUsed, httpRequests}

// set sets the value of a metric.
func (r *Row) set(metric string, value float64, at time.Time) {
	switch metric {
	case cpuUsage:
		r.CPUCores, r.Timestamp = &value, &at
	case cpuUtilization:
		r.UtilizationPercent = &value
	case cpuDemand:
		r.DemandPercent = &value
	case memoryUsed:
		r.MemoryBytes = &value
	case httpRequests:
		r.RequestsPerSecond = &value
	}
}

// rowOf is the row of a VMI.
func rowOf(vmi *v1alpha1.VirtualMachineInstanceMetrics) Row {
	row := Row{Namespace: vmi.Namespace, Name: vmi.Name, VCPUs: vmi.VCPUs, Node: vmi.Node, Pod: vmi.Pod, Status: statusOK}
	for _, m := range vmi.Metrics {
		row.set(m.Name, m.Value.AsApproximateFloat64(), m.Timestamp.Time)
	}
	for i := range vmi.Unknown {
		if vmi.Unknown[i].Name == cpuUsage {
			row.Status, row.Message = vmi.Unknown[i].Reason.Reason, vmi.Unknown[i].Message
		}
	}
	if vmi.Excluded != nil {
		row.Status, row.Message = vmi.Excluded.Reason, vmi.Excluded.Message
	}
	return row
}

// keys are what rows can be sorted by. A key returns nil for what is not known.
var keys = map[string]func(Row) *float64{
	"cpu":         func(r Row) *float64 { return r.CPUCores },
	"utilization": func(r Row) *float64 { return r.UtilizationPercent },
	"demand":      func(r Row) *float64 { return r.DemandPercent },
	"memory":      func(r Row) *float64 { return r.MemoryBytes },
	"requests":    func(r Row) *float64 { return r.RequestsPerSecond },
	"name":        func(Row) *float64 { return nil },
}

// sortKeys lists the keys.
var sortKeys = []string{"cpu", "utilization", "demand", "memory", "requests", "name"}

// sortRows sorts by a key, the largest first and what is not known last, and then by
// name.
func sortRows(rows []Row, by string) error {
	key, ok := keys[by]
	if !ok {
		return fmt.Errorf("--sort-by=%s is not known: want one of %s", by, strings.Join(sortKeys, ", "))
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(compareKnown(key(a), key(b)), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return nil
}

func compareKnown(a, b *float64) int {
	switch {
	case a != nil && b != nil:
		return cmp.Compare(*b, *a)
	case a != nil:
		return -1
	case b != nil:
		return 1
	default:
		return 0
	}
}
