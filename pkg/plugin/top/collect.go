package top

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"guest-metrics-server/pkg/plugin/client"
	"guest-metrics-server/pkg/plugin/guests"
)

// groupKind is a kind of object that has several VMIs.
type groupKind struct {
	kind     string
	group    string
	resource string
}

var (
	pools       = groupKind{"VirtualMachinePool", "pool.kubevirt.io", "virtualmachinepools"}
	replicaSets = groupKind{"VirtualMachineInstanceReplicaSet", "kubevirt.io", "virtualmachineinstancereplicasets"}
	services    = groupKind{"Service", "", "services"}
)

// collector reads rows. What the caller may not see is noted, and left out.
type collector struct {
	clients   *client.Clients
	namespace string // "" for all
	selector  string
	unseen    []string
}

func (c *collector) note(err error) { c.unseen = append(c.unseen, err.Error()) }

// vmis reads a row for each VMI.
func (c *collector) vmis(ctx context.Context) ([]Row, error) {
	metrics, err := c.clients.GuestMetrics.ListVMIMetrics(ctx, c.namespace, c.selector)
	if err != nil {
		return nil, fmt.Errorf("vmimetrics: %w", err)
	}
	rows := make([]Row, 0, len(metrics))
	for i := range metrics {
		rows = append(rows, rowOf(&metrics[i]))
	}
	return rows, nil
}

// groups reads a row for each object of a kind that has VMIs behind it.
func (c *collector) groups(ctx context.Context, kind groupKind) ([]Row, error) {
	objects, err := c.objects(ctx, kind)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind.resource, err)
	}
	members, errs := guests.Read(ctx, c.clients, c.namespace)
	for _, err := range errs {
		c.note(err)
	}
	var rows []Row
	for _, o := range objects {
		row := Row{Namespace: o.GetNamespace(), Name: o.GetName(), Status: statusOK}
		if replicas, found, err := unstructured.NestedInt64(o.Object, "status", "replicas"); err == nil && found {
			row.Replicas = new(int32(replicas))
		}
		if namespace := members[row.Namespace]; namespace != nil {
			vmis := namespace.Of(kind.kind, row.Name)
			if kind == services && vmis != nil && len(vmis) == 0 {
				continue // It is no Service of guests.
			}
			if vmis != nil {
				row.Known, row.Counting = new(int), new(int)
			}
			for i := range vmis {
				if vmi := rowOf(&vmis[i]); vmis[i].Excluded == nil {
					*row.Counting++
					if vmi.CPUCores != nil {
						*row.Known++
					}
				}
			}
		} else if kind == services && members != nil {
			continue // There is no VMI in its namespace.
		}
		rows = append(rows, row)
	}
	c.ask(ctx, kind, rows)
	return rows, nil
}

func (c *collector) objects(ctx context.Context, kind groupKind) ([]unstructured.Unstructured, error) {
	mapping, err := c.clients.Mapper.RESTMapping(schema.GroupKind{Group: kind.group, Kind: kind.kind})
	if err != nil {
		return nil, err
	}
	list, err := c.clients.Dynamic.Resource(mapping.Resource).Namespace(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: c.selector})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// ask fills in the values that the HPA would get: one request for each namespace
// and metric, and one more for the CPU usage of an object that has none, which says
// why.
func (c *collector) ask(ctx context.Context, kind groupKind, rows []Row) {
	byName := make(map[string]map[string]*Row)
	for i := range rows {
		if byName[rows[i].Namespace] == nil {
			byName[rows[i].Namespace] = make(map[string]*Row)
		}
		byName[rows[i].Namespace][rows[i].Name] = &rows[i]
	}
	resource := schema.GroupResource{Group: kind.group, Resource: kind.resource}.String()
	var refused []string
	for namespace, named := range byName {
		for _, metric := range columnMetrics {
			values, err := c.clients.Raw.CustomMetrics(ctx, client.CustomMetricPath(namespace, resource, "*", metric, c.selector, ""))
			if apierrors.IsForbidden(err) {
				refused = append(refused, namespace)
				break
			}
			if err != nil && !apierrors.IsNotFound(err) { // Not found says that none has a value.
				c.note(fmt.Errorf("%s of %s in namespace %s: %w", metric, kind.resource, namespace, err))
			}
			for _, v := range values {
				if row := named[v.DescribedObject.Name]; row != nil {
					row.set(metric, v.Value.AsApproximateFloat64(), v.Timestamp.Time)
				}
			}
		}
	}
	if len(refused) > 0 {
		slices.Sort(refused)
		c.note(fmt.Errorf("custom metrics of %s in %s: you may not read them; the role view of Kubernetes lets you", kind.resource, strings.Join(refused, ", ")))
	}
	for i := range rows {
		row := &rows[i]
		switch {
		case row.CPUCores != nil:
		case slices.Contains(refused, row.Namespace):
			row.Status = "forbidden"
		default:
			_, err := c.clients.Raw.CustomMetrics(ctx, client.CustomMetricPath(row.Namespace, resource, row.Name, cpuUsage, "", ""))
			row.Status, row.Message = reasonOf(err)
		}
	}
}

// reasonOf is the reason that the server gives with a value that is not known.
func reasonOf(err error) (reason, message string) {
	if err == nil {
		return statusOK, "" // It has become known.
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		return "unknown", err.Error()
	}
	cause := status.Status().Details.Causes[0]
	return string(cause.Type), status.Status().Message
}
