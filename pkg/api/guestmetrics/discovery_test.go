package guestmetrics_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"guest-metrics-server/pkg/apiserver/servertest"
)

func TestClientsFindTheResources(t *testing.T) {
	s := cluster(t)
	for name, legacy := range map[string]bool{"by aggregated discovery": false, "by unaggregated discovery": true} {
		t.Run(name, func(t *testing.T) {
			client := discovery.NewDiscoveryClientForConfigOrDie(&rest.Config{Host: s.URL})
			client.UseLegacyDiscovery = legacy
			lists, err := client.ServerPreferredResources()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, list := range lists {
				for _, r := range list.APIResources {
					scope := "cluster"
					if r.Namespaced {
						scope = "namespace"
					}
					got = append(got, strings.Join([]string{list.GroupVersion, r.Name, r.SingularName, r.Kind, scope, strings.Join(r.Verbs, ",")}, " "))
				}
			}
			slices.Sort(got) // Of the client's own order.
			want := []string{
				"guestmetrics.io/v1alpha1 scrapetargets scrapetarget ScrapeTarget cluster get,list",
				"guestmetrics.io/v1alpha1 vmimetrics vmimetrics VirtualMachineInstanceMetrics namespace get,list",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// kubectl explain finds a kind's schema by its group, version and kind.
func TestOpenAPIDescribesTheKinds(t *testing.T) {
	s := cluster(t)
	type gvk struct{ Group, Version, Kind string }
	type schema struct {
		Description string
		GVK         []gvk `json:"x-kubernetes-group-version-kind"`
		Properties  map[string]struct{ Description string }
	}
	type document struct {
		Definitions map[string]schema // Version 2.
		Components  struct{ Schemas map[string]schema }
		Paths       map[string]any
	}
	v3 := get[document](t, s.URL+"/openapi/v3/apis/guestmetrics.io/v1alpha1", "application/json", http.StatusOK)
	v2 := get[document](t, s.URL+"/openapi/v2", "application/json", http.StatusOK)
	for version, schemas := range map[string]map[string]schema{"v2": v2.Definitions, "v3": v3.Components.Schemas} {
		for _, kind := range []string{"VirtualMachineInstanceMetrics", "ScrapeTarget"} {
			got := schemas["io.guestmetrics.v1alpha1."+kind]
			if diff := cmp.Diff([]gvk{{"guestmetrics.io", "v1alpha1", kind}}, got.GVK); diff != "" || got.Description == "" {
				t.Errorf("%s: %s, %q, -want +got:\n%s", version, kind, got.Description, diff)
			}
			for name, p := range got.Properties {
				if p.Description == "" {
					t.Errorf("%s: %s.%s is not described", version, kind, name)
				}
			}
		}
	}
	if _, ok := v3.Paths[root+"namespaces/{namespace}/vmimetrics/{name}"]; !ok {
		t.Error("the document lacks the path of vmimetrics")
	}
	if _, body := servertest.Get(t, s.URL+"/openapi/v3", "application/json"); !strings.Contains(body, "apis/guestmetrics.io/v1alpha1") {
		t.Error(body)
	}
}
