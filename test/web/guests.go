package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"kubevirt.io/client-go/kubevirt"

	"guest-metrics-server/test/debian"
)

const pollInterval = 250 * time.Millisecond

// GuestsOptions say which guests have which web server.
type GuestsOptions struct {
	Namespace string
	Selector  string // Of the VMIs.
	Kind      Kind
	Root      *debian.Root // What Unpack returned for the kind.
	Dir       string       // Gets a directory for each server.
}

// Guests runs a web server in each guest: at the address of every running
// launcher pod, as long as the pod runs. The servers of the guests that are ready
// are the targets of its Load, as a Service would have it.
type Guests struct {
	GuestsOptions
	load     *Load
	kube     kubernetes.Interface
	kubevirt kubevirt.Interface
	servers  map[types.UID]*Server // By pod.

	mu     sync.Mutex
	guests []Guest
}

// Guest is a launcher pod with a web server.
type Guest struct {
	VMI, Pod, Node string
	Site           string // The server's address, by which the Load counts.
	Dir            string // Of the server's files, where Reads looks.
	Ready          bool   // It is a target of the Load.

	uid types.UID // The pod's.
	ip  string
}

// NewGuests returns the Guests of a cluster, for Run to start their servers.
func NewGuests(config *rest.Config, load *Load, o GuestsOptions) (*Guests, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1 // Polling is limited by itself.
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a Kubernetes client: %w", err)
	}
	client, err := kubevirt.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client of the KubeVirt API: %w", err)
	}
	return newGuests(kube, client, load, o), nil
}

func newGuests(kube kubernetes.Interface, client kubevirt.Interface, load *Load, o GuestsOptions) *Guests {
	return &Guests{GuestsOptions: o, load: load, kube: kube, kubevirt: client, servers: map[types.UID]*Server{}}
}

// List returns the guests as they were at the last look, by name.
func (g *Guests) List() []Guest {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.guests)
}

// Run follows the cluster until the context ends, and stops all servers before it
// returns. It ends with an error when the API cannot be read, or a server does
// not start or ends by itself.
func (g *Guests) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, g.stopAll()) }()
	err = wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (done bool, err error) {
		return false, g.follow(ctx)
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// follow starts and stops servers. A server starts before it gets requests, and
// gets no more before it stops.
func (g *Guests) follow(ctx context.Context) error {
	guests, err := g.look(ctx)
	if err != nil {
		return err
	}
	live := map[types.UID]bool{}
	var targets []string
	for _, guest := range guests {
		if err := g.serve(ctx, guest); err != nil {
			return fmt.Errorf("guest %s: %w", guest.VMI, err)
		}
		live[guest.uid] = true
		if guest.Ready {
			targets = append(targets, guest.Site)
		}
	}
	g.mu.Lock()
	g.guests = guests
	g.mu.Unlock()
	g.load.SetTargets(targets...)
	return g.stopOthers(live)
}

// look returns the running launcher pods of the VMIs that the selector finds.
func (g *Guests) look(ctx context.Context) ([]Guest, error) {
	vmis, err := g.kubevirt.KubevirtV1().VirtualMachineInstances(g.Namespace).List(ctx, metav1.ListOptions{LabelSelector: g.Selector})
	if err != nil {
		return nil, fmt.Errorf("list the VMIs with %s: %w", g.Selector, err)
	}
	byUID := map[string]*kubevirtv1.VirtualMachineInstance{}
	for i, vmi := range vmis.Items {
		byUID[string(vmi.UID)] = &vmis.Items[i]
	}
	pods, err := g.kube.CoreV1().Pods(g.Namespace).List(ctx, metav1.ListOptions{LabelSelector: kubevirtv1.AppLabel + "=virt-launcher"})
	if err != nil {
		return nil, fmt.Errorf("list launcher pods: %w", err)
	}
	var guests []Guest
	for _, pod := range pods.Items {
		vmi := byUID[pod.Labels[kubevirtv1.CreatedByLabel]]
		if vmi != nil && pod.Status.Phase == corev1.PodRunning && pod.Status.PodIP != "" {
			guest := guestOf(vmi, &pod)
			guest.Dir = filepath.Join(g.Dir, string(pod.UID))
			guests = append(guests, guest)
		}
	}
	slices.SortFunc(guests, func(a, b Guest) int {
		return cmp.Or(cmp.Compare(a.VMI, b.VMI), cmp.Compare(a.Pod, b.Pod))
	})
	return guests, nil
}

// guestOf tells of a pod. Of a VMI that migrates it is the pod on the VMI's node
// that gets the requests.
func guestOf(vmi *kubevirtv1.VirtualMachineInstance, pod *corev1.Pod) Guest {
	isReady := func(c kubevirtv1.VirtualMachineInstanceCondition) bool {
		return c.Type == kubevirtv1.VirtualMachineInstanceReady && c.Status == corev1.ConditionTrue
	}
	return Guest{
		VMI: vmi.Name, Pod: pod.Name, Node: pod.Spec.NodeName,
		Site: siteOf(pod.Status.PodIP),
		Ready: slices.ContainsFunc(vmi.Status.Conditions, isReady) && vmi.DeletionTimestamp == nil &&
			pod.DeletionTimestamp == nil && pod.Spec.NodeName == vmi.Status.NodeName,
		uid: pod.UID, ip: pod.Status.PodIP,
	}
}

// serve sees to it that the guest has a server.
func (g *Guests) serve(ctx context.Context, guest Guest) error {
	if server, ok := g.servers[guest.uid]; ok {
		return server.Check()
	}
	server, err := Start(ctx, g.Root, g.Kind, guest.Dir, guest.ip)
	if err != nil {
		return err
	}
	g.servers[guest.uid] = server
	return nil
}

// stopOthers stops the servers of pods that run no longer.
func (g *Guests) stopOthers(live map[types.UID]bool) error {
	var errs []error
	for uid, server := range g.servers {
		if !live[uid] {
			errs = append(errs, server.Stop())
			delete(g.servers, uid)
		}
	}
	return errors.Join(errs...)
}

func (g *Guests) stopAll() error {
	g.load.SetTargets()
	return g.stopOthers(nil)
}
