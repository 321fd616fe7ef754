package doctor

import (
	"context"
	"fmt"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
	"guest-metrics-server/pkg/plugin/diagnosis"
)

const (
	customMetrics = "custom.metrics.k8s.io"
	serverName    = "guest-metrics-server"
)

func (r *reader) apiServices(ctx context.Context) diagnosis.Part[apiregistrationv1.APIService] {
	return all("APIServices", "", func() ([]apiregistrationv1.APIService, error) {
		services, err := listInto[apiregistrationv1.APIService](ctx, r, apiregistrationv1.SchemeGroupVersion.WithResource("apiservices"), "")
		return slices.DeleteFunc(services, func(a apiregistrationv1.APIService) bool {
			return a.Spec.Group != customMetrics && a.Spec.Group != v1alpha1.SchemeGroupVersion.Group
		}), err
	})
}

// serverService returns where guest-metrics-server is, as far as the APIServices say.
func (r *reader) serverService() *apiregistrationv1.ServiceReference {
	var found *apiregistrationv1.ServiceReference
	for _, a := range r.snapshot.APIServices.Items {
		if a.Spec.Service != nil && (a.Spec.Group == v1alpha1.SchemeGroupVersion.Group || found == nil && a.Spec.Service.Name == serverName) {
			found = a.Spec.Service
		}
	}
	return found
}

// certificates reads those that the server's pods mount.
func (r *reader) certificates(ctx context.Context) diagnosis.Part[diagnosis.ServingCertificate] {
	at := r.serverService()
	if at == nil {
		return diagnosis.Part[diagnosis.ServingCertificate]{Unread: "Secrets: no APIService says where the server is"}
	}
	what := "the server's pods and Secrets"
	return all(what, at.Namespace, func() ([]diagnosis.ServingCertificate, error) {
		pods, err := r.podsBehind(ctx, at)
		if err != nil {
			return nil, err
		}
		var certificates []diagnosis.ServingCertificate
		for _, volume := range pods[0].Spec.Volumes {
			if volume.Secret == nil {
				continue
			}
			secret, err := r.Kubernetes.CoreV1().Secrets(at.Namespace).Get(ctx, volume.Secret.SecretName, metav1.GetOptions{})
			if err != nil {
				return nil, err
			}
			if pem, ok := secret.Data[corev1.TLSCertKey]; ok {
				certificates = append(certificates, diagnosis.ServingCertificate{Namespace: at.Namespace, Secret: secret.Name, Service: at.Name, PEM: pem})
			}
		}
		return certificates, nil
	})
}

// podsBehind returns at least one pod.
func (r *reader) podsBehind(ctx context.Context, at *apiregistrationv1.ServiceReference) ([]corev1.Pod, error) {
	service, err := r.Kubernetes.CoreV1().Services(at.Namespace).Get(ctx, at.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no Service %s", at.Name)
	}
	if err != nil {
		return nil, err
	}
	selector := labels.SelectorFromSet(service.Spec.Selector).String()
	pods, err := r.Kubernetes.CoreV1().Pods(at.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	if len(pods.Items) == 0 || len(service.Spec.Selector) == 0 {
		return nil, fmt.Errorf("no pod is behind Service %s", at.Name)
	}
	return pods.Items, nil
}

// theMetrics are the resources that an HPA on a pool reads, and a person who looks at it.
func (r *reader) theMetrics() *authorizationv1.ResourceAttributes {
	return &authorizationv1.ResourceAttributes{
		Namespace: r.namespace, Verb: "get", Group: customMetrics, Version: "v1beta2",
		Resource: "virtualmachinepools.pool.kubevirt.io", Subresource: "guest_cpu_utilization_percent", Name: "any",
	}
}

func (r *reader) callerAccess(ctx context.Context) diagnosis.Access {
	access := diagnosis.Access{User: "you", Allowed: true}
	self, err := r.Kubernetes.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err == nil {
		access.User = self.Status.UserInfo.Username
	}
	for _, what := range []*authorizationv1.ResourceAttributes{
		r.theMetrics(),
		{Namespace: r.namespace, Verb: "list", Group: v1alpha1.SchemeGroupVersion.Group, Version: v1alpha1.SchemeGroupVersion.Version, Resource: "vmimetrics"},
	} {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: what}}
		answer, err := r.Kubernetes.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			access.Unread = fmt.Sprintf("what you may do: %v", err)
			return access
		}
		access.Allowed = access.Allowed && answer.Status.Allowed
	}
	return access
}

func (r *reader) controllerAccess(ctx context.Context) diagnosis.Access {
	return r.accessOf(ctx, "kube-system", "horizontal-pod-autoscaler", r.theMetrics())
}

func (r *reader) caAccess(ctx context.Context) diagnosis.Access {
	at := r.serverService()
	if at == nil || len(r.snapshot.KubeVirts.Items) == 0 {
		return diagnosis.Access{Unread: "the server or KubeVirt: in which namespaces they run is not known"}
	}
	account := serverName
	if pods, err := r.podsBehind(ctx, at); err == nil {
		account = pods[0].Spec.ServiceAccountName
	}
	return r.accessOf(ctx, at.Namespace, account, &authorizationv1.ResourceAttributes{
		Namespace: r.snapshot.KubeVirts.Items[0].Namespace, Verb: "get", Version: "v1", Resource: "configmaps", Name: "kubevirt-ca",
	})
}

// accessOf asks what a service account may do.
func (r *reader) accessOf(ctx context.Context, namespace, name string, what *authorizationv1.ResourceAttributes) diagnosis.Access {
	access := diagnosis.Access{User: fmt.Sprintf("system:serviceaccount:%s:%s", namespace, name)}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               access.User,
		Groups:             []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
		ResourceAttributes: what,
	}}
	answer, err := r.Kubernetes.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	switch {
	case apierrors.IsForbidden(err):
		access.Unread = "what other users may do: you may not ask"
	case err != nil:
		access.Unread = fmt.Sprintf("what other users may do: %v", err)
	default:
		access.Allowed = answer.Status.Allowed
	}
	return access
}
