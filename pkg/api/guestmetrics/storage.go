package guestmetrics

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"

	"guest-metrics-server/pkg/api"
)

// storage is a resource that can be read. k8s.io/apiserver refuses all other
// verbs, since it has no methods for them.
type storage struct {
	resource      schema.GroupResource
	singular      string
	namespaced    bool
	object, empty func() runtime.Object // An empty object, an empty list.
	get           func(namespace, name string) (object runtime.Object, exists bool)
	list          func(namespace string, match match, options *internalversion.ListOptions) (runtime.Object, error)
	table         func(object runtime.Object) *metav1.Table
}

var _ interface {
	rest.Getter
	rest.Lister
	rest.Storage
	rest.Scoper
	rest.SingularNameProvider
} = storage{}

// New implements rest.Storage.
func (s storage) New() runtime.Object { return s.object() }

// Destroy implements rest.Storage.
func (s storage) Destroy() {}

// NamespaceScoped implements rest.Scoper.
func (s storage) NamespaceScoped() bool { return s.namespaced }

// GetSingularName implements rest.SingularNameProvider.
func (s storage) GetSingularName() string { return s.singular }

// NewList implements rest.Lister.
func (s storage) NewList() runtime.Object { return s.empty() }

// Get implements rest.Getter.
func (s storage) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	object, exists := s.get(request.NamespaceValue(ctx), name)
	if !exists {
		return nil, apierrors.NewNotFound(s.resource, name)
	}
	return object, nil
}

// List implements rest.Lister.
func (s storage) List(ctx context.Context, options *internalversion.ListOptions) (runtime.Object, error) {
	match, err := matchOf(options)
	if err != nil {
		return nil, err
	}
	return s.list(request.NamespaceValue(ctx), match, options)
}

// ConvertToTable implements rest.TableConvertor.
func (s storage) ConvertToTable(_ context.Context, object, options runtime.Object) (*metav1.Table, error) {
	table := s.table(object)
	if o, ok := options.(*metav1.TableOptions); ok && o.NoHeaders {
		table.ColumnDefinitions = nil
	}
	return table, nil
}

// match reports whether an object is asked for.
type match func(namespace, name string, labels map[string]string) bool

// matchOf returns what the selectors of a request ask for. Of fields,
// k8s.io/apiserver lets only metadata.name and metadata.namespace pass.
func matchOf(options *internalversion.ListOptions) (match, error) {
	byLabel, byField := options.LabelSelector, options.FieldSelector
	if byLabel == nil {
		byLabel = labels.Everything()
	}
	if byField == nil {
		byField = fields.Everything()
	}
	if err := api.CheckSelector(byLabel); err != nil {
		return nil, apierrors.NewBadRequest("labelSelector: " + err.Error())
	}
	return func(namespace, name string, set map[string]string) bool {
		return byLabel.Matches(labels.Set(set)) &&
			(byField.Empty() || byField.Matches(fields.Set{"metadata.namespace": namespace, "metadata.name": name}))
	}, nil
}
