package evaluate

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"guest-metrics-server/pkg/metric"
)

// aggregateKey is the reserved key of metric.selector that says how the members
// of a group become one value.
const aggregateKey = "aggregate"

// question is a query with its metric.selector understood.
type question struct {
	Query
	match metric.Match       // Which interfaces, drives or mount points.
	group metric.Aggregation // How the members of a group become one value.
}

// applySelector understands metric.selector: which interfaces, drives or mount
// points are asked for, and how a group aggregates.
func (q *question) applySelector(selector labels.Selector) error {
	q.match, q.group = metric.Every, q.Metric.Group
	requirements, selectable := selector.Requirements()
	if !selectable {
		return q.badSelector(selector, "it matches nothing")
	}
	if len(requirements) == 0 {
		return nil
	}
	devices := labels.NewSelector()
	isAggregate := func(r labels.Requirement) bool { return r.Key() == aggregateKey }
	if first := slices.IndexFunc(requirements, isAggregate); first >= 0 && slices.ContainsFunc(requirements[first+1:], isAggregate) {
		return q.badSelector(selector, aggregateKey+" is there twice")
	}
	for _, r := range requirements {
		switch {
		case r.Key() == aggregateKey:
			if err := q.applyAggregate(selector, r); err != nil {
				return err
			}
		case q.Metric.DeviceKey != "" && r.Key() == q.Metric.DeviceKey:
			devices = devices.Add(r)
		default:
			return q.badSelector(selector, fmt.Sprintf("%s is no key of %s; the keys are %s", r.Key(), q.Metric.Name, strings.Join(q.selectorKeys(), ", ")))
		}
	}
	if !devices.Empty() {
		q.match = func(device string) bool {
			return devices.Matches(labels.Set{q.Metric.DeviceKey: labelValue(device)})
		}
	}
	return nil
}

func (q *question) applyAggregate(selector labels.Selector, r labels.Requirement) error {
	values := r.ValuesUnsorted()
	isEqual := r.Operator() == selection.Equals || r.Operator() == selection.DoubleEquals || r.Operator() == selection.In
	if !isEqual || len(values) != 1 || !slices.Contains(metric.Aggregations(), metric.Aggregation(values[0])) {
		return q.badSelector(selector, fmt.Sprintf("%s must equal one of %v", aggregateKey, metric.Aggregations()))
	}
	if !q.Kind.IsGroup() {
		return q.badSelector(selector, fmt.Sprintf("%s is for groups, and a %s is one VMI", aggregateKey, q.Kind.Kind))
	}
	q.group = metric.Aggregation(values[0])
	return nil
}

func (q *question) selectorKeys() []string {
	keys := []string{aggregateKey + " (for groups)"}
	if q.Metric.DeviceKey != "" {
		keys = append(keys, q.Metric.DeviceKey)
	}
	return keys
}

func (q *question) badSelector(selector labels.Selector, why string) error {
	return &BadQueryError{fmt.Sprintf("metric.selector %q: %s", selector, why)}
}

// rootMountPoint is the label value of the mount point "/".
const rootMountPoint = "rootfs"

// labelValue puts the name of an device into a form that a label's value can
// have: what it may not contain becomes "_", and what it may not begin or end
// with is left out. So /var/lib is var_lib and C:\ is C.
func labelValue(device string) string {
	if device == "/" {
		return rootMountPoint
	}
	valid := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		default:
			return '_'
		}
	}, device)
	return strings.Trim(valid, "-_.")
}
