package guestmetrics

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
	"guest-metrics-server/pkg/metric"
)

// none is printed for what is not known.
const none = "-"

// column is a column of a table of objects.
type column[T any] struct {
	name, description string
	wide              bool // Only "kubectl get -o wide" shows it.
	cell              func(T) any
}

// tableOf puts objects into a table. The first column is their name.
func tableOf[T any](columns []column[*T], list *metav1.ListMeta, items []T, object func(*T) runtime.Object) *metav1.Table {
	table := &metav1.Table{Rows: make([]metav1.TableRow, len(items))}
	if list != nil {
		table.ListMeta = *list
	}
	for i, c := range columns {
		definition := metav1.TableColumnDefinition{Name: c.name, Type: "string", Description: c.description}
		if i == 0 {
			definition.Format = "name"
		}
		if c.wide {
			definition.Priority = 1
		}
		table.ColumnDefinitions = append(table.ColumnDefinitions, definition)
	}
	for i := range items {
		row := &table.Rows[i]
		row.Object = runtime.RawExtension{Object: object(&items[i])}
		for _, c := range columns {
			row.Cells = append(row.Cells, c.cell(&items[i]))
		}
	}
	return table
}

type vmi = v1alpha1.VirtualMachineInstanceMetrics

func (c Config) vmiTable(object runtime.Object) *metav1.Table {
	asObject := func(v *vmi) runtime.Object { return v }
	if list, ok := object.(*v1alpha1.VirtualMachineInstanceMetricsList); ok {
		return tableOf(c.vmiColumns(), &list.ListMeta, list.Items, asObject)
	}
	return tableOf(c.vmiColumns(), nil, []vmi{*object.(*vmi)}, asObject)
}

func (c Config) vmiColumns() []column[*vmi] {
	number := func(format, metric string) func(*vmi) any {
		return func(v *vmi) any {
			m := find(v, metric)
			if m == nil {
				return none
			}
			return fmt.Sprintf(format, m.Value.AsApproximateFloat64())
		}
	}
	const percent = "%.0f%%"
	return []column[*vmi]{
		{"Name", "Name of the VirtualMachineInstance.", false, func(v *vmi) any { return v.Name }},
		{"CPU", "Cores' worth of work that the guest does, and its vCPUs.", false, func(v *vmi) any {
			m := find(v, metric.CPUUsage)
			if m == nil || v.VCPUs == nil {
				return none
			}
			return fmt.Sprintf("%.2f/%d", m.Value.AsApproximateFloat64(), *v.VCPUs)
		}},
		{"CPU%", "guest_cpu_utilization_percent: how busy the vCPUs are.", false, number(percent, "guest_cpu_utilization_percent")},
		{"Demand%", "guest_cpu_demand_percent: how busy they would be if the host let them.", false, number(percent, "guest_cpu_demand_percent")},
		{"Memory", "guest_memory_used_bytes.", false, func(v *vmi) any {
			m := find(v, "guest_memory_used_bytes")
			if m == nil {
				return none
			}
			return fmt.Sprintf("%dMi", m.Value.Value()>>20)
		}},
		{"Memory%", "guest_memory_utilization_percent.", false, number(percent, "guest_memory_utilization_percent")},
		{"Requests/s", "guest_http_requests_per_second.", false, number("%.1f", metric.HTTPRequests)},
		{"Data Age", "How long ago the newest sample was taken.", false, func(v *vmi) any {
			var newest time.Time
			for _, m := range v.Metrics {
				if m.Timestamp.After(newest) {
					newest = m.Timestamp.Time
				}
			}
			return c.ago(newest)
		}},
		{"Status", "OK, or the reason why the VMI does not count or its CPU load is unknown.", false, func(v *vmi) any { return status(v).Reason }},
		{"Steal%", "guest_cpu_steal_percent: how much of the time the vCPUs wait for a host CPU.", true, number(percent, "guest_cpu_steal_percent")},
		{"Connections", "guest_http_active_connections.", true, number("%.0f", "guest_http_active_connections")},
		{"Node", "Node that the VMI runs on.", true, func(v *vmi) any { return text(v.Node) }},
		{"Pod", "Active launcher pod.", true, func(v *vmi) any { return text(v.Pod) }},
		{"Counts Since", "How long ago the warm-up ended, or in what time it will.", true, func(v *vmi) any {
			if v.CountsSince == nil {
				return none
			}
			return c.ago(v.CountsSince.Time)
		}},
		{"Unknown", "Number of metrics that are not known.", true, func(v *vmi) any { return fmt.Sprint(len(v.Unknown)) }},
		{"Reason", "What the status means here.", true, func(v *vmi) any { return text(status(v).Message) }},
	}
}

func find(v *vmi, name string) *v1alpha1.Metric {
	for i := range v.Metrics {
		if v.Metrics[i].Name == name {
			return &v.Metrics[i]
		}
	}
	return nil
}

// status says in one word whether a VMI's load is known and counts.
func status(v *vmi) v1alpha1.Reason {
	if v.Excluded != nil {
		return *v.Excluded
	}
	for _, u := range v.Unknown {
		if u.Name == metric.CPUUsage {
			return u.Reason
		}
	}
	return v1alpha1.Reason{Reason: "OK"}
}

func (c Config) targetTable(object runtime.Object) *metav1.Table {
	asObject := func(t *v1alpha1.ScrapeTarget) runtime.Object { return t }
	if list, ok := object.(*v1alpha1.ScrapeTargetList); ok {
		return tableOf(c.targetColumns(), &list.ListMeta, list.Items, asObject)
	}
	return tableOf(c.targetColumns(), nil, []v1alpha1.ScrapeTarget{*object.(*v1alpha1.ScrapeTarget)}, asObject)
}

func (c Config) targetColumns() []column[*v1alpha1.ScrapeTarget] {
	type target = *v1alpha1.ScrapeTarget
	since := func(of func(target) *metav1.Time) func(target) any {
		return func(t target) any {
			if at := of(t); at != nil {
				return c.ago(at.Time)
			}
			return none
		}
	}
	return []column[target]{
		{"Name", "Name of the node.", false, func(t target) any { return t.Name }},
		{"Health", "up, down or unknown.", false, func(t target) any { return string(t.Health) }},
		{"Last Scrape", "How long ago the last scrape began.", false, since(func(t target) *metav1.Time { return t.LastScrape })},
		{"Last Success", "How long ago the last scrape that succeeded began.", false, since(func(t target) *metav1.Time { return t.LastSuccess })},
		{"Duration", "How long the last scrape took.", false, func(t target) any {
			if t.LastScrapeDuration == nil {
				return none
			}
			return t.LastScrapeDuration.Round(time.Millisecond).String()
		}},
		{"VMIs", "Number of VMIs in the last response.", false, func(t target) any { return fmt.Sprint(t.VMIs) }},
		{"Error", "What was wrong with the last scrape or a part of its response.", false, func(t target) any { return text(t.LastError) }},
		{"URL", "What is scraped.", true, func(t target) any { return t.URL }},
		{"Replica", "The server's pod that answers.", true, func(t target) any { return t.Replica }},
	}
}

func text(s string) string {
	if s == "" {
		return none
	}
	return s
}

// ago says how long ago a time was, or how far away it is.
func (c Config) ago(t time.Time) string {
	since := c.Now().Sub(t)
	switch {
	case t.IsZero():
		return none
	case since < 0:
		return "in " + duration.HumanDuration(-since)
	default:
		return duration.HumanDuration(since)
	}
}
