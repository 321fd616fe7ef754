package main

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"kubevirt.io/client-go/kubevirt"

	"guest-metrics-server/test/fleet/world"
)

var testFleet = world.Fleet{VMIs: 100, PerNode: 10}

// client is one way of a real client to read one kind of objects.
type client struct {
	list  func(context.Context, metav1.ListOptions) (runtime.Object, error)
	watch func(context.Context, metav1.ListOptions) (watch.Interface, error)
	want  int
}

func newClients(t *testing.T) map[string]client {
	t.Helper()
	resources, err := newWorld(testFleet, "a bundle\nof two lines\n")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&api{resources, time.Hour})
	t.Cleanup(server.Close)
	json := &rest.Config{Host: server.URL}
	protobuf := &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeProtobuf}}
	pods := func(config *rest.Config) client {
		c := kubernetes.NewForConfigOrDie(config).CoreV1().Pods("")
		return client{
			func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return c.List(ctx, o) },
			c.Watch, testFleet.VMIs + testFleet.Nodes(),
		}
	}
	vmis := kubevirt.NewForConfigOrDie(json).KubevirtV1().VirtualMachineInstances("")
	vms := metadata.NewForConfigOrDie(json).Resource(schema.GroupVersionResource{Group: "kubevirt.io", Version: "v1", Resource: "virtualmachines"})
	return map[string]client{
		"pods in JSON":        pods(json),
		"pods in protobuf":    pods(protobuf),
		"VMIs":                {func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return vmis.List(ctx, o) }, vmis.Watch, testFleet.VMIs},
		"the metadata of VMs": {func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return vms.List(ctx, o) }, vms.Watch, testFleet.VMIs},
	}
}

func TestClientsListAllObjectsPageByPage(t *testing.T) {
	for name, c := range newClients(t) {
		t.Run(name, func(t *testing.T) {
			seen := make(map[string]bool)
			options := metav1.ListOptions{Limit: 30}
			for {
				list, err := c.list(t.Context(), options)
				if err != nil {
					t.Fatal(err)
				}
				if err := meta.EachListItem(list, func(o runtime.Object) error { return see(seen, o) }); err != nil {
					t.Fatal(err)
				}
				m, err := meta.ListAccessor(list)
				if err != nil {
					t.Fatal(err)
				}
				if options.Continue = m.GetContinue(); options.Continue == "" {
					break
				}
			}
			if len(seen) != c.want {
				t.Errorf("%d objects, want %d", len(seen), c.want)
			}
		})
	}
}

func TestClientsStreamAllObjects(t *testing.T) {
	initial := true
	options := metav1.ListOptions{SendInitialEvents: &initial, AllowWatchBookmarks: true}
	for name, c := range newClients(t) {
		t.Run(name, func(t *testing.T) {
			seen := make(map[string]bool)
			w, err := c.watch(t.Context(), options)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Stop()
			for e := range w.ResultChan() {
				if e.Type == watch.Bookmark {
					break
				}
				if err := see(seen, e.Object); err != nil {
					t.Fatal(err)
				}
			}
			if len(seen) != c.want {
				t.Errorf("%d objects before the bookmark, want %d", len(seen), c.want)
			}
		})
	}
}

func see(seen map[string]bool, object runtime.Object) error {
	m, err := meta.Accessor(object)
	if err == nil {
		seen[m.GetNamespace()+"/"+m.GetName()+"/"+string(m.GetUID())] = true
	}
	return err
}
