package inventory

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

// apiServer speaks just enough of the Kubernetes API for a Watcher: discovery of
// groups, and lists that stream in as a watch does. It keeps the selectors and
// media types that it was asked with, answers in JSON, and leaves selecting to
// the objects it was given.
type apiServer struct {
	*httptest.Server
	lists   map[string][]runtime.Object // By path, such as /api/v1/pods.
	changes map[string]chan change      // By path, for the watch that follows the list.
	isOld   bool                        // Lists of VMIs do not stream in, but come in parts of one.

	mu       sync.Mutex
	asked    map[string]string // Selectors, by path.
	accepted map[string]string // Media types, by path.
}

type change struct {
	Type   string         `json:"type"` // ADDED, MODIFIED or DELETED.
	Object runtime.Object `json:"object"`
}

const (
	podsPath       = "/api/v1/pods"
	servicesPath   = "/api/v1/services"
	vmsPath        = "/apis/kubevirt.io/v1/virtualmachines"
	replicaPath    = "/apis/kubevirt.io/v1/virtualmachineinstancereplicasets"
	poolsPath      = "/apis/pool.kubevirt.io/v1alpha1/virtualmachinepools"
	kubevirtsPath  = "/apis/kubevirt.io/v1/kubevirts"
	configMapsPath = "/api/v1/namespaces/kubevirt/configmaps"
	// Forbidden unless a test has changes for it.
	otherConfigMapsPath = "/api/v1/namespaces/aaa/configmaps"
	guestCAsPath        = "/api/v1/configmaps"
	nodesPath           = "/api/v1/nodes"
)

// startAPIServer serves KubeVirt 1.6's groups and empty lists.
func startAPIServer(t *testing.T) *apiServer {
	s := &apiServer{
		lists:    make(map[string][]runtime.Object),
		changes:  make(map[string]chan change),
		asked:    make(map[string]string),
		accepted: make(map[string]string),
	}
	for _, path := range []string{vmisPath, podsPath, servicesPath, vmsPath, replicaPath, poolsPath, configMapsPath, guestCAsPath, nodesPath, kubevirtsPath} {
		s.changes[path] = make(chan change)
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *apiServer) config() *rest.Config { return &rest.Config{Host: s.URL} }

func (s *apiServer) selector(path string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[path]
}

func (s *apiServer) accept(path string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted[path]
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	out := json.NewEncoder(w)
	switch path := r.URL.Path; {
	case path == "/api":
		_ = out.Encode(metav1.APIVersions{Versions: []string{"v1"}})
	case path == "/apis":
		_ = out.Encode(metav1.APIGroupList{Groups: []metav1.APIGroup{group("kubevirt.io/v1"), group("pool.kubevirt.io/v1alpha1")}})
	case s.isOld && path == vmisPath && r.URL.Query().Get("sendInitialEvents") != "":
		w.WriteHeader(http.StatusUnprocessableEntity)
		_ = out.Encode(metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonInvalid, Code: http.StatusUnprocessableEntity})
	case s.isOld && path == vmisPath && r.URL.Query().Get("watch") == "":
		_ = out.Encode(s.part(path, r.URL.Query().Get("continue")))
	case s.changes[path] != nil && r.URL.Query().Get("watch") != "":
		s.watch(w, r)
	case strings.HasSuffix(path, "/configmaps"): // As RBAC answers for a namespace that is not KubeVirt's.
		w.WriteHeader(http.StatusForbidden)
		_ = out.Encode(metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonForbidden, Code: http.StatusForbidden})
	default:
		http.NotFound(w, r)
	}
}

// part returns the object of a list that the text counts, and what leads to the next.
func (s *apiServer) part(path, text string) any {
	i, _ := strconv.Atoi(text)
	next := ""
	if i+1 < len(s.lists[path]) {
		next = strconv.Itoa(i + 1)
	}
	return map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceList",
		"metadata": metav1.ListMeta{ResourceVersion: "7", Continue: next},
		"items":    s.lists[path][i : i+1],
	}
}

func group(text string) metav1.APIGroup {
	name, version, _ := strings.Cut(text, "/")
	v := metav1.GroupVersionForDiscovery{GroupVersion: text, Version: version}
	return metav1.APIGroup{Name: name, Versions: []metav1.GroupVersionForDiscovery{v}, PreferredVersion: v}
}

// watch streams the list of a path, a bookmark that ends it, and its changes.
func (s *apiServer) watch(w http.ResponseWriter, r *http.Request) {
	path, query := r.URL.Path, r.URL.Query()
	s.mu.Lock()
	s.asked[path] = query.Get("labelSelector") + query.Get("fieldSelector")
	s.accepted[path] = r.Header.Get("Accept")
	s.mu.Unlock()
	send := func(c change) {
		_ = json.NewEncoder(w).Encode(c)
		_ = http.NewResponseController(w).Flush()
	}
	if query.Get("sendInitialEvents") == "true" {
		for _, object := range s.lists[path] {
			send(change{"ADDED", object})
		}
		send(change{"BOOKMARK", bookmark(path)})
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case c := <-s.changes[path]:
			send(c)
		}
	}
}

// bookmark returns an object of the path's kind that says that the list is over.
func bookmark(path string) runtime.Object {
	m := metav1.ObjectMeta{ResourceVersion: "7", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"}}
	switch path {
	case podsPath:
		return &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: m}
	case servicesPath:
		return &corev1.Service{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: m}
	case nodesPath:
		return &corev1.Node{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}, ObjectMeta: m}
	case configMapsPath, otherConfigMapsPath, guestCAsPath:
		return &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: m}
	case kubevirtsPath:
		return &kubevirtv1.KubeVirt{TypeMeta: metav1.TypeMeta{APIVersion: "kubevirt.io/v1", Kind: "KubeVirt"}, ObjectMeta: m}
	case vmisPath:
		return &kubevirtv1.VirtualMachineInstance{TypeMeta: metav1.TypeMeta{APIVersion: "kubevirt.io/v1", Kind: "VirtualMachineInstance"}, ObjectMeta: m}
	default:
		return &metav1.PartialObjectMetadata{TypeMeta: partial, ObjectMeta: m}
	}
}

var partial = metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadata"}
