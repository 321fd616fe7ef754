// Package workload gives scripted guests work, as the clients of a web service
// do: a total that is spread evenly over the guests that are ready. It writes
// the annotations that the local cluster's guests follow.
package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"kubevirt.io/client-go/kubevirt"
)

// CPUPercent is the annotation for the share of its vCPUs that a guest is busy.
const CPUPercent = "script.guestmetrics.io/cpu-percent"

const interval = 500 * time.Millisecond

// Workload is work for the guests that a label selector finds.
type Workload struct {
	client              kubevirt.Interface
	namespace, selector string

	mu    sync.Mutex
	cores float64
}

// New returns a Workload of nothing.
func New(config *rest.Config, namespace, selector string) (*Workload, error) {
	client, err := kubevirt.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client of the KubeVirt API: %w", err)
	}
	return &Workload{client: client, namespace: namespace, selector: selector}, nil
}

// Set changes the total, in cores' worth of work.
func (w *Workload) Set(cores float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cores = cores
}

// Cores returns the total.
func (w *Workload) Cores() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cores
}

// Guest is a VMI with the share of the work that it was given.
type Guest struct {
	Name, Node string
	Ready      bool
	VCPUs      int
	Percent    float64 // Of its vCPUs.
}

// Guests returns the VMIs that the selector finds.
func (w *Workload) Guests(ctx context.Context) ([]Guest, error) {
	list, err := w.client.KubevirtV1().VirtualMachineInstances(w.namespace).List(ctx, metav1.ListOptions{LabelSelector: w.selector})
	if err != nil {
		return nil, fmt.Errorf("list the VMIs with %s: %w", w.selector, err)
	}
	var guests []Guest
	for i := range list.Items {
		guests = append(guests, guestOf(&list.Items[i]))
	}
	return guests, nil
}

// Run spreads the total until the context ends. It returns an error when the
// API cannot be written to.
func (w *Workload) Run(ctx context.Context) error {
	err := wait.PollUntilContextCancel(ctx, interval, true, func(ctx context.Context) (done bool, err error) {
		return false, w.spread(ctx)
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (w *Workload) spread(ctx context.Context) error {
	guests, err := w.Guests(ctx)
	if err != nil {
		return err
	}
	vcpus := 0
	for _, g := range guests {
		if g.Ready {
			vcpus += g.VCPUs
		}
	}
	var errs []error
	for _, g := range guests {
		percent := 0.0
		if g.Ready {
			percent = min(100, 100*w.Cores()/float64(vcpus))
		}
		if percent != g.Percent {
			errs = append(errs, w.give(ctx, g.Name, percent))
		}
	}
	return errors.Join(errs...)
}

// give lets a guest be busy; one that has gone meanwhile needs nothing.
func (w *Workload) give(ctx context.Context, name string, percent float64) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"annotations": map[string]string{CPUPercent: strconv.FormatFloat(percent, 'f', -1, 64)},
	}})
	if err != nil {
		return err
	}
	_, err = w.client.KubevirtV1().VirtualMachineInstances(w.namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("give work to VMI %s: %w", name, err)
	}
	return nil
}

func guestOf(v *kubevirtv1.VirtualMachineInstance) Guest {
	g := Guest{Name: v.Name, Node: v.Status.NodeName, VCPUs: 1}
	if cpu := v.Spec.Domain.CPU; cpu != nil {
		g.VCPUs = int(max(1, cpu.Cores) * max(1, cpu.Sockets) * max(1, cpu.Threads))
	}
	for _, c := range v.Status.Conditions {
		if c.Type == kubevirtv1.VirtualMachineInstanceReady {
			g.Ready = c.Status == "True" && v.DeletionTimestamp == nil
		}
	}
	if text, ok := v.Annotations[CPUPercent]; ok {
		g.Percent, _ = strconv.ParseFloat(text, 64)
	}
	return g
}
