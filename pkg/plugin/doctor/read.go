package doctor

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	kubevirtv1 "kubevirt.io/api/core/v1"
	poolv1beta1 "kubevirt.io/api/pool/v1beta1"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
	"guest-metrics-server/pkg/plugin/client"
	"guest-metrics-server/pkg/plugin/diagnosis"
	"guest-metrics-server/pkg/plugin/guests"
)

// reader reads a snapshot with the caller's rights.
type reader struct {
	*client.Clients
	namespace string // "" for all.
	snapshot  *diagnosis.Snapshot
}

// read reads all parts at once. It fails only if the API server cannot be reached;
// a part that cannot be read says why.
func read(ctx context.Context, clients *client.Clients, namespace string, now time.Time) (*diagnosis.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var info version.Info
	if err := clients.Raw.GetJSON(ctx, "/version", &info); err != nil {
		return nil, fmt.Errorf("ask %s for its version: %w", clients.Config.Host, err)
	}
	s := &diagnosis.Snapshot{Time: now, Namespace: namespace, KubernetesVersion: info.GitVersion}
	r := &reader{clients, namespace, s}
	var parts sync.WaitGroup
	for _, part := range []func(){
		func() { s.ViewRole = r.viewRole(ctx) },
		func() { s.CallerAccess = r.callerAccess(ctx) },
		func() { s.ControllerAccess = r.controllerAccess(ctx) },
		func() {
			s.APIServices = r.apiServices(ctx)
			s.KubeVirts = r.kubeVirts(ctx)
			s.Certificates = r.certificates(ctx)
			s.CAAccess = r.caAccess(ctx)
		},
		func() { s.Nodes = r.nodes(ctx) },
		func() {
			s.ScrapeTargets = all("ScrapeTargets", "", func() ([]v1alpha1.ScrapeTarget, error) { return clients.GuestMetrics.ListScrapeTargets(ctx) })
		},
		func() {
			s.VMIMetrics = all("VirtualMachineInstanceMetrics", namespace, func() ([]v1alpha1.VirtualMachineInstanceMetrics, error) {
				return clients.GuestMetrics.ListVMIMetrics(ctx, namespace, "")
			})
		},
		func() { s.VMIs = r.vmis(ctx) },
		func() { s.VMs = r.vms(ctx) },
		func() { s.Pods = r.launcherPods(ctx) },
		func() { s.Pools = r.pools(ctx) },
		func() { s.ReplicaSets = r.replicaSets(ctx) },
		func() { s.HPAs = r.hpas(ctx) },
		func() { s.Deployments = r.adapters(ctx) },
	} {
		parts.Go(part)
	}
	parts.Wait()
	return s, nil
}

// all makes a part of the answer to a request.
func all[T any](kind, namespace string, ask func() ([]T, error)) diagnosis.Part[T] {
	items, err := ask()
	if err != nil {
		return diagnosis.Part[T]{Unread: unread(kind, namespace, err)}
	}
	return diagnosis.Part[T]{Items: items}
}

// unread says why objects were not read.
func unread(kind, namespace string, err error) string {
	where := ""
	if namespace != "" {
		where = " in namespace " + namespace
	}
	switch {
	case apierrors.IsForbidden(err):
		return fmt.Sprintf("%s%s: you may not read them", kind, where)
	case apierrors.IsNotFound(err):
		return fmt.Sprintf("%s: the cluster does not have this API", kind)
	default:
		return fmt.Sprintf("%s%s: %v", kind, where, err)
	}
}

// pages lists page by page.
func pages[T any](list func(metav1.ListOptions) ([]T, string, error)) ([]T, error) {
	var items []T
	options := metav1.ListOptions{Limit: 500}
	for {
		more, next, err := list(options)
		if err != nil {
			return nil, err
		}
		items = append(items, more...)
		if options.Continue = next; next == "" {
			return items, nil
		}
	}
}

func (r *reader) viewRole(ctx context.Context) diagnosis.Part[rbacv1.ClusterRole] {
	role, err := r.Kubernetes.RbacV1().ClusterRoles().Get(ctx, "view", metav1.GetOptions{})
	if err != nil {
		return diagnosis.Part[rbacv1.ClusterRole]{Unread: unread("ClusterRole view", "", err)}
	}
	return diagnosis.Part[rbacv1.ClusterRole]{Items: []rbacv1.ClusterRole{*role}}
}

func (r *reader) nodes(ctx context.Context) diagnosis.Part[corev1.Node] {
	return all("Nodes", "", func() ([]corev1.Node, error) {
		return pages(func(o metav1.ListOptions) ([]corev1.Node, string, error) {
			list, err := r.Kubernetes.CoreV1().Nodes().List(ctx, o)
			return list.Items, list.Continue, err
		})
	})
}

// kubeVirts is empty, and not unread, where KubeVirt is not installed. The one that is
// deployed comes first: only its operator can say that it is.
func (r *reader) kubeVirts(ctx context.Context) diagnosis.Part[kubevirtv1.KubeVirt] {
	return all("KubeVirts", "", func() ([]kubevirtv1.KubeVirt, error) {
		list, err := r.KubeVirt.KubevirtV1().KubeVirts(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, ignoreNotFound(err)
		}
		slices.SortStableFunc(list.Items, func(a, b kubevirtv1.KubeVirt) int {
			switch {
			case (a.Status.Phase == kubevirtv1.KubeVirtPhaseDeployed) == (b.Status.Phase == kubevirtv1.KubeVirtPhaseDeployed):
				return a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
			case a.Status.Phase == kubevirtv1.KubeVirtPhaseDeployed:
				return -1
			default:
				return 1
			}
		})
		return list.Items, nil
	})
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (r *reader) vmis(ctx context.Context) diagnosis.Part[kubevirtv1.VirtualMachineInstance] {
	return all("VirtualMachineInstances", r.namespace, func() ([]kubevirtv1.VirtualMachineInstance, error) {
		return pages(func(o metav1.ListOptions) ([]kubevirtv1.VirtualMachineInstance, string, error) {
			list, err := r.KubeVirt.KubevirtV1().VirtualMachineInstances(r.namespace).List(ctx, o)
			if err != nil {
				return nil, "", ignoreNotFound(err)
			}
			return list.Items, list.Continue, nil
		})
	})
}

// vms reads no more than the owners of VirtualMachines.
func (r *reader) vms(ctx context.Context) diagnosis.Part[metav1.PartialObjectMetadata] {
	return all("VirtualMachines", r.namespace, func() ([]metav1.PartialObjectMetadata, error) {
		return pages(func(o metav1.ListOptions) ([]metav1.PartialObjectMetadata, string, error) {
			list, err := r.Metadata.Resource(guests.VMResource).Namespace(r.namespace).List(ctx, o)
			if err != nil {
				return nil, "", ignoreNotFound(err)
			}
			return list.Items, list.Continue, nil
		})
	})
}

func (r *reader) launcherPods(ctx context.Context) diagnosis.Part[corev1.Pod] {
	return all("Pods", r.namespace, func() ([]corev1.Pod, error) {
		return pages(func(o metav1.ListOptions) ([]corev1.Pod, string, error) {
			o.LabelSelector = "kubevirt.io=virt-launcher"
			list, err := r.Kubernetes.CoreV1().Pods(r.namespace).List(ctx, o)
			return list.Items, list.Continue, err
		})
	})
}

// pools reads them in the newest version that KubeVirt has: 1.6 has v1alpha1 only,
// whose fields are the same as far as they are used.
func (r *reader) pools(ctx context.Context) diagnosis.Part[poolv1beta1.VirtualMachinePool] {
	return all("VirtualMachinePools", r.namespace, func() ([]poolv1beta1.VirtualMachinePool, error) {
		pools, err := listInto[poolv1beta1.VirtualMachinePool](ctx, r, poolv1beta1.SchemeGroupVersion.WithResource("virtualmachinepools"), r.namespace)
		if apierrors.IsNotFound(err) {
			pools, err = listInto[poolv1beta1.VirtualMachinePool](ctx, r, schema.GroupVersionResource{Group: "pool.kubevirt.io", Version: "v1alpha1", Resource: "virtualmachinepools"}, r.namespace)
		}
		return pools, ignoreNotFound(err)
	})
}

// listInto lists objects that no clientset is for in this version.
func listInto[T any](ctx context.Context, r *reader, resource schema.GroupVersionResource, namespace string) ([]T, error) {
	return pages(func(o metav1.ListOptions) ([]T, string, error) {
		list, err := r.Dynamic.Resource(resource).Namespace(namespace).List(ctx, o)
		if err != nil {
			return nil, "", err
		}
		items := make([]T, len(list.Items))
		for i := range list.Items {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &items[i]); err != nil {
				return nil, "", fmt.Errorf("%s %s/%s: %w", resource.Resource, list.Items[i].GetNamespace(), list.Items[i].GetName(), err)
			}
		}
		return items, list.GetContinue(), nil
	})
}

func (r *reader) replicaSets(ctx context.Context) diagnosis.Part[kubevirtv1.VirtualMachineInstanceReplicaSet] {
	return all("VirtualMachineInstanceReplicaSets", r.namespace, func() ([]kubevirtv1.VirtualMachineInstanceReplicaSet, error) {
		list, err := r.KubeVirt.KubevirtV1().VirtualMachineInstanceReplicaSets(r.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, ignoreNotFound(err)
		}
		return list.Items, nil
	})
}

func (r *reader) hpas(ctx context.Context) diagnosis.Part[autoscalingv2.HorizontalPodAutoscaler] {
	return all("HorizontalPodAutoscalers", r.namespace, func() ([]autoscalingv2.HorizontalPodAutoscaler, error) {
		return pages(func(o metav1.ListOptions) ([]autoscalingv2.HorizontalPodAutoscaler, string, error) {
			list, err := r.Kubernetes.AutoscalingV2().HorizontalPodAutoscalers(r.namespace).List(ctx, o)
			return list.Items, list.Continue, err
		})
	})
}

// adapters reads Deployments that other adapters of custom metrics have, by the
// labels of their charts.
func (r *reader) adapters(ctx context.Context) diagnosis.Part[appsv1.Deployment] {
	return all("Deployments", "", func() ([]appsv1.Deployment, error) {
		list, err := r.Kubernetes.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: diagnosis.AdapterSelector()})
		return list.Items, err
	})
}
