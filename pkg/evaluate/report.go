package evaluate

import (
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/reason"
)

// Report is everything that is known of one VMI.
type Report struct {
	inventory.Member
	VCPUs   int      // As the VMI reports them, 0 while that is not known.
	Results []Result // Of each metric, in the order of the catalogue.
}

// Result is the value of a metric, or the reason why it is unknown.
type Result struct {
	Metric *metric.Metric
	metric.Reading
	Unknown *reason.Error // nil where there is a reading.
}

// Report returns what is known of a VMI, false if there is none of the name.
func (e *Evaluator) Report(namespace, name string) (Report, bool) {
	members, exists := e.Inventory.Members(inventory.VMIs, namespace, name)
	if !exists {
		return Report{}, false
	}
	return e.report(members[0]), true
}

// Reports returns what is known of the VMIs of a page, in the order of their
// namespaces and names, and whether there are more.
func (e *Evaluator) Reports(page inventory.Page) (reports []Report, more bool) {
	members, more := e.Inventory.Page(page)
	reports = make([]Report, len(members))
	for i, m := range members {
		reports[i] = e.report(m)
	}
	return reports, more
}

func (e *Evaluator) report(m inventory.Member) Report {
	r := Report{Member: m, Results: make([]Result, len(metric.All()))}
	for i, served := range metric.All() {
		reading, unknown := e.assess(m, served, metric.Every)
		r.Results[i] = Result{Metric: served, Reading: reading, Unknown: unknown}
		if served.Name == metric.CPUUsage && unknown == nil {
			r.VCPUs = int(reading.Weight)
		}
	}
	return r
}
