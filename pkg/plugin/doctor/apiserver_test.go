package doctor

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// apiServer answers with objects in YAML, by the path of their list.
type apiServer struct {
	lists  map[string][]map[string]any
	denied func(path string) bool // What the caller may not do.
	may    func(user, resource string) bool
}

var listPaths = map[string]string{
	"APIService":                       "/apis/apiregistration.k8s.io/v1/apiservices",
	"ClusterRole":                      "/apis/rbac.authorization.k8s.io/v1/clusterroles",
	"KubeVirt":                         "/apis/kubevirt.io/v1/kubevirts",
	"Node":                             "/api/v1/nodes",
	"ScrapeTarget":                     "/apis/guestmetrics.io/v1alpha1/scrapetargets",
	"VirtualMachinePool":               "/apis/pool.kubevirt.io/v1beta1/virtualmachinepools",
	"VirtualMachineInstanceReplicaSet": "/apis/kubevirt.io/v1/virtualmachineinstancereplicasets",
	"VirtualMachine":                   "/apis/kubevirt.io/v1/virtualmachines",
	"VirtualMachineInstance":           "/apis/kubevirt.io/v1/virtualmachineinstances",
	"VirtualMachineInstanceMetrics":    "/apis/guestmetrics.io/v1alpha1/vmimetrics",
	"Pod":                              "/api/v1/pods",
	"HorizontalPodAutoscaler":          "/apis/autoscaling/v2/horizontalpodautoscalers",
	"Deployment":                       "/apis/apps/v1/deployments",
	"Service":                          "/api/v1/namespaces/guest-metrics-server/services",
	"Secret":                           "/api/v1/namespaces/guest-metrics-server/secrets",
	"server's Pod":                     "/api/v1/namespaces/guest-metrics-server/pods",
}

// theServer is what reading the certificate takes. Its certificate is none.
const theServer = `
apiVersion: v1
kind: Service
metadata: {namespace: guest-metrics-server, name: guest-metrics-server}
spec: {selector: {app: server}}
---
apiVersion: v1
kind: server's Pod
metadata: {namespace: guest-metrics-server, name: server-0}
spec: {serviceAccountName: server, volumes: [{name: tls, secret: {secretName: tls}}]}
---
apiVersion: v1
kind: Secret
metadata: {namespace: guest-metrics-server, name: tls}
data: {tls.crt: bm9uZQ==, tls.key: c2VjcmV0}
`

func newAPIServer(t *testing.T, more string) (*apiServer, string) {
	t.Helper()
	objects, err := os.ReadFile("../diagnosis/testdata/healthy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := &apiServer{
		lists:  make(map[string][]map[string]any),
		denied: func(string) bool { return false },
		may:    func(string, string) bool { return true },
	}
	for _, path := range listPaths {
		s.lists[path] = []map[string]any{}
	}
	for document := range bytes.SplitSeq(append(objects, "\n---\n"+more...), []byte("\n---\n")) {
		var object map[string]any
		if err := yaml.Unmarshal(document, &object); err != nil {
			t.Fatal(err)
		}
		if object == nil {
			continue
		}
		list := listPaths[object["kind"].(string)]
		s.lists[list] = append(s.lists[list], object)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	answer, code := s.answer(r)
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // A client that has gone needs none.
}

func status(code int, reason string) (any, int) {
	return map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": reason}, code
}

func (s *apiServer) answer(r *http.Request) (any, int) {
	at := r.URL.Path
	switch {
	case at == "/version":
		return map[string]string{"gitVersion": "v1.36.3"}, http.StatusOK
	case s.denied(at):
		return status(http.StatusForbidden, "Forbidden")
	case r.Method == http.MethodPost:
		return s.review(r)
	}
	if items, ok := s.list(at); ok {
		list := map[string]any{"metadata": map[string]any{}, "items": items}
		list["apiVersion"], list["kind"] = kindAt(at)
		if strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList") {
			list["apiVersion"], list["kind"] = "meta.k8s.io/v1", "PartialObjectMetadataList"
		}
		return list, http.StatusOK
	}
	for _, object := range s.lists[path.Dir(at)] {
		if object["metadata"].(map[string]any)["name"] == path.Base(at) {
			return object, http.StatusOK
		}
	}
	return status(http.StatusNotFound, "NotFound")
}

// kindAt returns the API version and kind of a list.
func kindAt(at string) (apiVersion, kind string) {
	parts := strings.Split(at, "/") // "", "api", "v1", ... or "", "apis", group, version, ...
	apiVersion = parts[2]
	if parts[1] == "apis" {
		apiVersion += "/" + parts[3]
	}
	for kind, list := range listPaths {
		if path.Base(list) == path.Base(at) && !strings.Contains(kind, " ") {
			return apiVersion, kind + "List"
		}
	}
	return apiVersion, "List"
}

// list returns the objects of a list, of one namespace or of all.
func (s *apiServer) list(at string) ([]map[string]any, bool) {
	if items, ok := s.lists[at]; ok {
		return items, true
	}
	before, after, ok := strings.Cut(at, "/namespaces/")
	if !ok {
		return nil, false
	}
	namespace, resource, _ := strings.Cut(after, "/")
	all, ok := s.lists[before+"/"+resource]
	items := []map[string]any{}
	for _, object := range all {
		if object["metadata"].(map[string]any)["namespace"] == namespace {
			items = append(items, object)
		}
	}
	return items, ok
}

// review answers the reviews of who the caller is and who may do what.
func (s *apiServer) review(r *http.Request) (any, int) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return status(http.StatusBadRequest, err.Error())
	}
	review, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
	if err != nil {
		return status(http.StatusBadRequest, err.Error())
	}
	switch review := review.(type) {
	case *authenticationv1.SelfSubjectReview:
		review.Status.UserInfo.Username = "somebody"
	case *authorizationv1.SelfSubjectAccessReview:
		review.Status.Allowed = s.may("somebody", review.Spec.ResourceAttributes.Resource)
	case *authorizationv1.SubjectAccessReview:
		review.Status.Allowed = s.may(review.Spec.User, review.Spec.ResourceAttributes.Resource)
	}
	return review, http.StatusCreated
}
