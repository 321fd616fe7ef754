package guestmetrics

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"guest-metrics-server/pkg/api"
	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
	"guest-metrics-server/pkg/evaluate"
	"guest-metrics-server/pkg/inventory"
)

// VMIs knows everything of VMIs.
type VMIs interface {
	// Report returns what is known of a VMI, false if there is none of the name.
	Report(namespace, name string) (evaluate.Report, bool)
	// Reports returns the same of the VMIs of a page, and whether there are more.
	Reports(page inventory.Page) (reports []evaluate.Report, more bool)
}

// Target is the state of the scrapes of a node's virt-handler.
type Target struct {
	Node, URL   string
	Tried       bool          // At least one scrape has ended. The rest is of scrapes.
	Last        time.Time     // When the last one began.
	LastSuccess time.Time     // When the last one that succeeded began, zero without one.
	Duration    time.Duration // Of the last one.
	Err         error         // Of the last one, nil when it succeeded.
	VMIs        int           // In the last response that was read.
	Partly      error         // What could not be read of that response, nil when all could.
}

// Config says what is served.
type Config struct {
	VMIs    VMIs
	Targets func() []Target // In the order of the nodes' names.
	Replica string          // The name of this process among its replicas.
	Now     func() time.Time
}

// API returns what to serve.
func (c Config) API() api.Group {
	scheme := newScheme()
	codecs := serializer.NewCodecFactory(scheme)
	info := genericapiserver.NewDefaultAPIGroupInfo(v1alpha1.SchemeGroupVersion.Group, scheme, runtime.NewParameterCodec(scheme), codecs)
	info.NegotiatedSerializer = textOnly{info.NegotiatedSerializer}
	info.VersionedResourcesStorageMap[v1alpha1.SchemeGroupVersion.Version] = map[string]rest.Storage{
		vmiMetrics.Resource:    c.vmiMetrics(),
		scrapeTargets.Resource: c.scrapeTargets(),
	}
	return api.Group{Name: v1alpha1.SchemeGroupVersion.Group, Storage: &info, Definitions: v1alpha1.GetOpenAPIDefinitions}
}

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	utilruntime.Must(scheme.SetVersionPriority(v1alpha1.SchemeGroupVersion))
	core := schema.GroupVersion{Version: "v1"}
	metav1.AddToGroupVersion(scheme, core)
	scheme.AddUnversionedTypes(core, &metav1.Status{}, &metav1.APIVersions{}, &metav1.APIGroupList{}, &metav1.APIGroup{}, &metav1.APIResourceList{})
	return scheme
}

// textOnly serves JSON and YAML: the types have no protobuf form, and a client
// that would rather have that gets its second choice.
type textOnly struct{ runtime.NegotiatedSerializer }

// SupportedMediaTypes implements runtime.NegotiatedSerializer.
func (s textOnly) SupportedMediaTypes() []runtime.SerializerInfo {
	return slices.DeleteFunc(slices.Clone(s.NegotiatedSerializer.SupportedMediaTypes()), func(info runtime.SerializerInfo) bool { return !info.EncodesAsText })
}
