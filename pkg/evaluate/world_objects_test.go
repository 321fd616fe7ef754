package evaluate_test

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/inventory"
)

// vmi adds or changes a VMI. New ones run on node n1 and have been Ready for an
// hour; the keys are pool, replicaset, vm, node, uid, phase, ready (a duration
// ago, or never, or lost-DURATION-ago), running (a duration ago; a new one that
// is given a time of ready began to run just before), paused, deleting, probed, warmup,
// agent, pod (none), labels (k:v,...), http (as annotate has it).
func (w *world) vmi(name string, options map[string]string) error {
	v, known := w.vmis[name]
	if !known {
		w.uids++
		v = inventory.VMI{Meta: inventory.Meta{Namespace: defaultNamespace, Name: name, UID: types.UID(fmt.Sprintf("uid-%d", w.uids))}}
		v.Node, v.Phase, v.Ready = "n1", "Running", true
		v.RunningSince, v.ReadyTransition = w.now.Add(-time.Hour), w.now.Add(-time.Hour)
	}
	if ready := options["ready"]; ready != "" && !strings.HasPrefix(ready, "lost-") && !known {
		v.RunningSince = time.Time{}
	}
	for key, value := range options {
		switch key {
		case "pool":
			w.object("pool", value)
			w.owned("vm", name, value)
			v.Owner = inventory.Owner{Name: name, UID: types.UID("vm-" + name)}
		case "replicaset", "vm":
			w.object(key, value)
			v.Owner = inventory.Owner{Name: value, UID: types.UID(key + "-" + value)}
		case "node":
			v.Node = value
		case "phase":
			v.Phase = value
		case "ready":
			if err := w.ready(&v, value); err != nil {
				return err
			}
		case "running":
			d, err := time.ParseDuration(value)
			if err != nil {
				return err
			}
			v.RunningSince = w.now.Add(-d)
		case "paused":
			v.Paused = value == "true"
		case "deleting":
			v.Deleting = value == "true"
		case "probed":
			v.Probed = value == "true"
		case "warmup":
			d, err := time.ParseDuration(value)
			if err != nil {
				return err
			}
			v.Warmup = &d
		case "labels":
			v.Labels = labelsOf(value)
		case "agent":
			v.Agent = value == "true"
		case "http":
			annotate(&v, value)
		case "pod":
		default:
			return fmt.Errorf("unknown key %s", key)
		}
	}
	if v.RunningSince.IsZero() {
		v.RunningSince = v.ReadyTransition.Add(-time.Second)
	}
	w.vmis[name] = v
	w.node(v.Node)
	w.store.PutVMI(v)
	if options["pod"] != "none" {
		w.putPod(podOf(v), v, v.Node, "Running")
	}
	return nil
}

func labelsOf(text string) map[string]string {
	labels := make(map[string]string)
	for _, pair := range strings.Split(text, ",") {
		k, v, _ := strings.Cut(pair, ":")
		labels[k] = v
	}
	return labels
}

func (w *world) ready(v *inventory.VMI, value string) error {
	ago, isLost := strings.CutPrefix(value, "lost-")
	if value == "never" {
		v.Ready, v.RunningSince, v.ReadyTransition = false, w.now, w.now.Add(-time.Second)
		return nil
	}
	d, err := time.ParseDuration(strings.TrimSuffix(ago, "-ago"))
	if err != nil {
		return err
	}
	v.Ready, v.ReadyTransition = !isLost, w.now.Add(-d)
	return nil
}

// podOf names the launcher pod that a VMI has on its node.
func podOf(v inventory.VMI) string { return "launcher-" + v.Name + "-" + v.Node }

func (w *world) putPod(name string, v inventory.VMI, node, phase string) {
	w.uids++
	w.store.PutPod(inventory.Pod{
		Meta: inventory.Meta{
			Namespace: defaultNamespace, Name: name, UID: types.UID(fmt.Sprintf("pod-%d", w.uids)),
			Labels: v.Labels, Owner: inventory.Owner{Name: v.Name, UID: v.UID},
		},
		Node: node, Phase: phase, IP: "192.0.2." + strings.TrimPrefix(node, "n"), Created: w.now,
	})
}

func (w *world) object(kind, name string) { w.owned(kind, name, "") }

func (w *world) owned(kind, name, pool string) {
	o := inventory.Object{Meta: inventory.Meta{Namespace: defaultNamespace, Name: name, UID: types.UID(kind + "-" + name)}}
	if pool != "" {
		o.Owner = inventory.Owner{Name: pool, UID: types.UID("pool-" + pool)}
	}
	w.store.PutObject(map[string]inventory.Kind{"pool": inventory.Pools, "vm": inventory.VMs, "replicaset": inventory.ReplicaSets}[kind], o)
}
