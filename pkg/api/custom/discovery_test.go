package custom_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta1"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"

	"guest-metrics-server/pkg/api/custom"
	"guest-metrics-server/pkg/apiserver/servertest"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
)

// resources is what each version lists: each metric of each kind, and its bare
// name.
func resources() []string {
	var all []string
	for _, m := range metric.All() {
		all = append(all, m.Name)
		for _, kind := range inventory.Kinds() {
			all = append(all, kind.GroupResource.String()+"/"+m.Name)
		}
	}
	slices.Sort(all)
	return all
}

// bareNames is what "kubectl api-resources" prints.
func bareNames() []string {
	return slices.DeleteFunc(resources(), func(name string) bool { return strings.Contains(name, "/") })
}

var versions = []schema.GroupVersion{v1beta2.SchemeGroupVersion, v1beta1.SchemeGroupVersion}

func open(t *testing.T) *httptest.Server {
	return servertest.Open(t, custom.NewHandler(answers{}).API())
}

func names(resources []metav1.APIResource) []string {
	var names []string
	for _, r := range resources {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return names
}

// decode gets an answer into an object.
func decode[T any](t *testing.T, url, accept string) T {
	t.Helper()
	code, body := servertest.Get(t, url, accept)
	var object T
	if err := json.Unmarshal([]byte(body), &object); err != nil || code != http.StatusOK {
		t.Fatalf("%s answers %d, %v: %s", url, code, err, body)
	}
	return object
}

func TestDiscoveryNamesBothVersionsOfTheGroup(t *testing.T) {
	s := open(t)
	v1beta2 := metav1.GroupVersionForDiscovery{GroupVersion: "custom.metrics.k8s.io/v1beta2", Version: "v1beta2"}
	v1beta1 := metav1.GroupVersionForDiscovery{GroupVersion: "custom.metrics.k8s.io/v1beta1", Version: "v1beta1"}
	want := metav1.APIGroup{
		Name:             "custom.metrics.k8s.io",
		Versions:         []metav1.GroupVersionForDiscovery{v1beta2, v1beta1},
		PreferredVersion: v1beta2,
	}
	all := decode[metav1.APIGroupList](t, s.URL+"/apis", "application/json")
	for i := range all.Groups {
		all.Groups[i].ServerAddressByClientCIDRs = nil // Only clients of long ago look at it.
	}
	if diff := cmp.Diff([]metav1.APIGroup{want}, all.Groups); diff != "" {
		t.Errorf("/apis, -want +got:\n%s", diff)
	}
	group := decode[metav1.APIGroup](t, s.URL+"/apis/custom.metrics.k8s.io", "application/json")
	group.TypeMeta = metav1.TypeMeta{}
	if diff := cmp.Diff(want, group); diff != "" {
		t.Errorf("/apis/custom.metrics.k8s.io, -want +got:\n%s", diff)
	}
}

func TestDiscoveryOfAVersionListsItsMetrics(t *testing.T) {
	s := open(t)
	for _, gv := range versions {
		list := decode[metav1.APIResourceList](t, s.URL+"/apis/"+gv.String(), "application/json")
		if diff := cmp.Diff(resources(), names(list.APIResources)); list.GroupVersion != gv.String() || diff != "" {
			t.Errorf("%s, -want +got:\n%s", list.GroupVersion, diff)
		}
	}
}

func TestAggregatedDiscoveryListsTheSame(t *testing.T) {
	s := open(t)
	const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	aggregated := decode[apidiscoveryv2.APIGroupDiscoveryList](t, s.URL+"/apis", accept)
	groups, byVersion, failed := discovery.SplitGroupsAndResources(aggregated)
	if len(failed) > 0 || len(groups.Groups) != 1 || len(groups.Groups[0].Versions) != 2 {
		t.Fatalf("got groups %+v and failures %v, want one group of two versions and no failure", groups.Groups, failed)
	}
	if got := groups.Groups[0].PreferredVersion.Version; got != "v1beta2" {
		t.Errorf("%s is preferred, want v1beta2", got)
	}
	for _, gv := range versions {
		legacy := decode[metav1.APIResourceList](t, s.URL+"/apis/"+gv.String(), "application/json")
		want, got := make(map[string]metav1.APIResource), make(map[string]metav1.APIResource)
		for _, r := range legacy.APIResources {
			want[r.Name] = r
		}
		for _, r := range byVersion[gv].APIResources {
			r.Group, r.Version = "", "" // Only this form says what is that of the list anyway.
			got[r.Name] = r
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, -unaggregated +aggregated:\n%s", gv, diff)
		}
	}
}

func TestClientsFindTheMetrics(t *testing.T) {
	s := open(t)
	for name, legacy := range map[string]bool{"by aggregated discovery": false, "by unaggregated discovery": true} {
		t.Run(name, func(t *testing.T) {
			client := discovery.NewDiscoveryClientForConfigOrDie(&rest.Config{Host: s.URL})
			client.UseLegacyDiscovery = legacy
			_, lists, err := client.ServerGroupsAndResources()
			if err != nil {
				t.Fatal(err)
			}
			got := make(map[string][]string)
			for _, list := range lists {
				got[list.GroupVersion] = names(list.APIResources)
			}
			want := map[string][]string{versions[0].String(): resources(), versions[1].String(): resources()}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("all, -want +got:\n%s", diff)
			}

			// What "kubectl api-resources" prints.
			preferred, err := client.ServerPreferredResources()
			if err != nil {
				t.Fatal(err)
			}
			printed := make(map[string][]string)
			for _, list := range preferred {
				printed[list.GroupVersion] = names(list.APIResources)
			}
			want = map[string][]string{versions[0].String(): bareNames(), versions[1].String(): nil}
			if diff := cmp.Diff(want, printed); diff != "" {
				t.Errorf("preferred, -want +got:\n%s", diff)
			}
		})
	}
}
