package plugin

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// fakeCluster is an API server that has the objects of a file. Three kinds are its
// own:
//
//	kind: Answer     {path: ..., values: {NAME: QUANTITY}, at: TIME}   # of a metrics API
//	kind: Answer     {path: ..., reason: CODE, message: ...}           # a 404
//	kind: Forbidden  {resource: pods}                                  # a 403
//
// All else is a Kubernetes object. An Answer that nobody has asked for when the test
// ends is an error: so the paths are tested too.
type fakeCluster struct {
	minor     string
	objects   []unstructured.Unstructured
	answers   map[string]map[string]any
	asked     map[string]bool
	forbidden map[string]bool
}

// resources are those that the cluster has, by their kind.
var resources = map[string]metav1.APIResource{
	"Pod":                              {Name: "pods", Version: "v1", Namespaced: true},
	"Service":                          {Name: "services", Version: "v1", Namespaced: true},
	"Event":                            {Name: "events", Version: "v1", Namespaced: true},
	"Deployment":                       {Name: "deployments", Group: "apps", Version: "v1", Namespaced: true},
	"HorizontalPodAutoscaler":          {Name: "horizontalpodautoscalers", Group: "autoscaling", Version: "v2", Namespaced: true},
	"VirtualMachineInstance":           {Name: "virtualmachineinstances", Group: "kubevirt.io", Version: "v1", Namespaced: true},
	"VirtualMachine":                   {Name: "virtualmachines", Group: "kubevirt.io", Version: "v1", Namespaced: true},
	"VirtualMachineInstanceReplicaSet": {Name: "virtualmachineinstancereplicasets", Group: "kubevirt.io", Version: "v1", Namespaced: true},
	"VirtualMachinePool":               {Name: "virtualmachinepools", Group: "pool.kubevirt.io", Version: "v1beta1", Namespaced: true},
	"VirtualMachineInstanceMetrics":    {Name: "vmimetrics", Group: "guestmetrics.io", Version: "v1alpha1", Namespaced: true},
}

func newFakeCluster(t *testing.T, text string) (c *fakeCluster, url string) {
	t.Helper()
	c = &fakeCluster{minor: "37", answers: make(map[string]map[string]any), asked: make(map[string]bool), forbidden: make(map[string]bool)}
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		var object map[string]any
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch object["kind"] {
		case nil:
		case "Answer":
			c.answers[object["path"].(string)] = object
		case "Forbidden":
			c.forbidden[object["resource"].(string)] = true
		case "Version":
			c.minor = object["minor"].(string)
		default:
			u := unstructured.Unstructured{Object: object}
			if _, ok := resources[u.GetKind()]; !ok {
				t.Fatalf("the fake cluster has no %s", u.GetKind())
			}
			if u.GetUID() == "" {
				u.SetUID(types.UID("uid-of-" + u.GetName()))
			}
			c.objects = append(c.objects, u)
		}
	}
	server := httptest.NewServer(c)
	t.Cleanup(func() {
		server.Close()
		for path := range c.answers {
			if !c.asked[path] {
				t.Errorf("nobody asked for %s", path)
			}
		}
	})
	return c, server.URL
}

func (c *fakeCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, code := c.answer(r)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // Who has gone is not told.
}

func status(code int, reason metav1.StatusReason, format string, args ...any) (any, int) {
	return metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
		Code: int32(code), Reason: reason, Message: fmt.Sprintf(format, args...),
	}, code
}

func (c *fakeCluster) answer(r *http.Request) (any, int) {
	if answer := c.answers[r.URL.RequestURI()]; answer != nil {
		c.asked[r.URL.RequestURI()] = true
		return metricAnswer(answer)
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	gv := schema.GroupVersion{}
	switch {
	case r.URL.Path == "/version":
		return map[string]string{"major": "1", "minor": c.minor}, http.StatusOK
	case r.URL.Path == "/api":
		return metav1.APIVersions{Versions: []string{"v1"}}, http.StatusOK
	case r.URL.Path == "/apis":
		return groups(), http.StatusOK
	case parts[0] == "api" && len(parts) >= 2:
		gv.Version, parts = parts[1], parts[2:]
	case parts[0] == "apis" && len(parts) >= 3:
		gv.Group, gv.Version, parts = parts[1], parts[2], parts[3:]
	}
	if len(parts) == 0 {
		return resourceList(gv), http.StatusOK
	}
	namespace := ""
	if parts[0] == "namespaces" && len(parts) > 2 {
		namespace, parts = parts[1], parts[2:]
	}
	if len(parts) > 2 || c.forbidden[parts[0]] { // Who may view has no subresources.
		return status(http.StatusForbidden, metav1.StatusReasonForbidden, `%s is forbidden: User "viewer" cannot get it`, strings.Join(parts, "/"))
	}
	for _, resource := range resources {
		if resource.Name != parts[0] || resource.Group != gv.Group || resource.Version != gv.Version {
			continue
		}
		if len(parts) == 2 {
			return c.get(r, resource, namespace, parts[1])
		}
		return c.list(r, resource, namespace)
	}
	return status(http.StatusNotFound, metav1.StatusReasonNotFound, "the server has no %s", r.URL.RequestURI())
}

func (c *fakeCluster) get(r *http.Request, resource metav1.APIResource, namespace, name string) (any, int) {
	for _, o := range c.objects {
		if resources[o.GetKind()].Name == resource.Name && o.GetNamespace() == namespace && o.GetName() == name {
			return as(r, o), http.StatusOK
		}
	}
	return status(http.StatusNotFound, metav1.StatusReasonNotFound, "%s %q not found", resource.Name, name)
}

// pageSize is how many objects a list has, of all kinds, where the client takes
// pages.
const pageSize = 2

func (c *fakeCluster) list(r *http.Request, resource metav1.APIResource, namespace string) (any, int) {
	query := r.URL.Query()
	selector, err := labels.Parse(query.Get("labelSelector"))
	if err != nil {
		return status(http.StatusBadRequest, metav1.StatusReasonBadRequest, "%v", err)
	}
	field, err := fields.ParseSelector(query.Get("fieldSelector"))
	if err != nil {
		return status(http.StatusBadRequest, metav1.StatusReasonBadRequest, "%v", err)
	}
	items := []any{}
	for _, o := range c.objects {
		involved, _, _ := unstructured.NestedString(o.Object, "involvedObject", "name")
		uid, _, _ := unstructured.NestedString(o.Object, "involvedObject", "uid")
		kind, _, _ := unstructured.NestedString(o.Object, "involvedObject", "kind")
		switch {
		case resources[o.GetKind()].Name != resource.Name || namespace != "" && o.GetNamespace() != namespace:
		case !selector.Matches(labels.Set(o.GetLabels())):
		case !field.Matches(fields.Set{"involvedObject.name": involved, "involvedObject.uid": uid, "involvedObject.kind": kind}):
		default:
			items = append(items, as(r, o))
		}
	}
	list := map[string]any{"apiVersion": schema.GroupVersion{Group: resource.Group, Version: resource.Version}.String(), "kind": kindOf(resource) + "List", "items": items}
	if partial(r) {
		list["apiVersion"], list["kind"] = "meta.k8s.io/v1", "PartialObjectMetadataList"
	}
	if query.Get("limit") != "" && query.Get("limit") != "0" {
		from, _ := strconv.Atoi(cmp.Or(query.Get("continue"), "0"))
		to := min(len(items), from+pageSize)
		list["items"] = items[from:to]
		if to < len(items) {
			list["metadata"] = map[string]any{"continue": strconv.Itoa(to)}
		}
	}
	return list, http.StatusOK
}

func kindOf(resource metav1.APIResource) string {
	for kind, r := range resources {
		if r.Name == resource.Name && r.Group == resource.Group {
			return kind
		}
	}
	return ""
}

func partial(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata")
}

// as is an object as the client wants it.
func as(r *http.Request, o unstructured.Unstructured) any {
	if !partial(r) {
		return o.Object
	}
	return map[string]any{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": o.Object["metadata"]}
}

func metricAnswer(answer map[string]any) (any, int) {
	if reason, ok := answer["reason"].(string); ok {
		s, code := status(http.StatusNotFound, metav1.StatusReasonNotFound, "%s", answer["message"])
		failure := s.(metav1.Status)
		failure.Details = &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: metav1.CauseType(reason)}}}
		return failure, code
	}
	values := answer["values"].(map[string]any)
	items := []any{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		items = append(items, map[string]any{
			"describedObject": map[string]any{"name": name}, "timestamp": answer["at"], "windowSeconds": 30, "value": fmt.Sprint(values[name]),
		})
	}
	return map[string]any{"kind": "MetricValueList", "apiVersion": "custom.metrics.k8s.io/v1beta2", "metadata": map[string]any{}, "items": items}, http.StatusOK
}

func groups() metav1.APIGroupList {
	list := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIGroupList"}}
	seen := map[string]bool{"": true}
	for _, r := range resources {
		if seen[r.Group] {
			continue
		}
		seen[r.Group] = true
		version := metav1.GroupVersionForDiscovery{GroupVersion: r.Group + "/" + r.Version, Version: r.Version}
		list.Groups = append(list.Groups, metav1.APIGroup{Name: r.Group, Versions: []metav1.GroupVersionForDiscovery{version}, PreferredVersion: version})
	}
	return list
}

func resourceList(gv schema.GroupVersion) metav1.APIResourceList {
	list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"}, GroupVersion: gv.String()}
	for kind, r := range resources {
		if r.Group == gv.Group && r.Version == gv.Version {
			r.Kind, r.Verbs = kind, metav1.Verbs{"get", "list"}
			list.APIResources = append(list.APIResources, r)
		}
	}
	return list
}
