package diagnosis

import (
	"cmp"
	"slices"
	"strings"

	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
	"guest-metrics-server/pkg/plugin/findings"
)

const (
	customMetrics = "custom.metrics.k8s.io"
	serverName    = "guest-metrics-server"
)

// service is a Service's namespace and name.
type service struct{ namespace, name string }

func (s service) String() string { return s.namespace + "/" + s.name }

// serviceOf returns where an APIService leads, a zero service for the API server
// itself.
func serviceOf(a *apiregistrationv1.APIService) service {
	if a.Spec.Service == nil {
		return service{}
	}
	return service{a.Spec.Service.Namespace, a.Spec.Service.Name}
}

func (x *examination) examineAPIs() {
	x.category("Metrics APIs")
	x.checkRegistration()
	x.checkOwner()
	for i := range x.APIServices.Items {
		x.checkAPIService(&x.APIServices.Items[i])
	}
	x.checkCertificates()
	x.checkOtherAdapters()
}

// versions returns the APIServices of a group.
func (x *examination) versions(group string) []*apiregistrationv1.APIService {
	var versions []*apiregistrationv1.APIService
	for i := range x.APIServices.Items {
		if a := &x.APIServices.Items[i]; a.Spec.Group == group {
			versions = append(versions, a)
		}
	}
	return versions
}

func (x *examination) checkRegistration() {
	c := x.check("%s and %s are registered", customMetrics, v1alpha1.SchemeGroupVersion.Group)
	if !c.saw(x.APIServices.Unread) {
		return
	}
	if len(x.versions(customMetrics)) == 0 {
		c.find(findings.NotRegistered, Object{"APIService", "", "v1beta2." + customMetrics}, "neither v1beta1 nor v1beta2 is there")
	}
	if len(x.versions(v1alpha1.SchemeGroupVersion.Group)) == 0 {
		c.find(findings.NoOwnAPI, Object{"APIService", "", ownAPIService()}, "it is not there")
	}
}

func ownAPIService() string {
	return v1alpha1.SchemeGroupVersion.Version + "." + v1alpha1.SchemeGroupVersion.Group
}

// isOurs reports whether an APIService leads to guest-metrics-server: to where
// guestmetrics.io does, which nobody else serves, or by its name.
func (x *examination) isOurs(a *apiregistrationv1.APIService) bool {
	if own := x.versions(v1alpha1.SchemeGroupVersion.Group); len(own) > 0 {
		return serviceOf(a) == serviceOf(own[0])
	}
	return serviceOf(a).name == serverName
}

// servesCustomMetrics reports whether guest-metrics-server alone answers HPAs, as far
// as is known.
func (x *examination) servesCustomMetrics() bool {
	return !slices.ContainsFunc(x.versions(customMetrics), func(a *apiregistrationv1.APIService) bool { return !x.isOurs(a) })
}

func (x *examination) checkOwner() {
	c := x.check("guest-metrics-server owns all versions of %s", customMetrics)
	if !c.saw(x.APIServices.Unread) {
		return
	}
	var ours, others []*apiregistrationv1.APIService
	for _, a := range x.versions(customMetrics) {
		if x.isOurs(a) {
			ours = append(ours, a)
		} else {
			others = append(others, a)
		}
	}
	for _, a := range others {
		where := cmp.Or(strings.Trim(serviceOf(a).String(), "/"), "the API server itself")
		if len(ours) > 0 {
			c.find(findings.HalfTakenOver, Object{"APIService", "", a.Name}, "it leads to Service %s, and %s to Service %s", where, ours[0].Name, serviceOf(ours[0]))
		} else {
			c.find(findings.OwnedByOther, Object{"APIService", "", a.Name}, "it leads to Service %s", where)
		}
	}
}

func (x *examination) checkAPIService(a *apiregistrationv1.APIService) {
	c := x.check("%s is available", a.Name)
	object := Object{"APIService", "", a.Name}
	if a.Spec.InsecureSkipTLSVerify {
		c.find(findings.NotVerified, object, "insecureSkipTLSVerify is true")
	}
	i := slices.IndexFunc(a.Status.Conditions, func(c apiregistrationv1.APIServiceCondition) bool { return c.Type == apiregistrationv1.Available })
	if i < 0 {
		c.find(findings.NotAvailable, object, "kube-apiserver has not looked at it yet")
		return
	}
	available := a.Status.Conditions[i]
	if available.Status == apiregistrationv1.ConditionTrue {
		return
	}
	// The reasons are kube-aggregator's, from its controller of availability.
	switch available.Reason {
	case "ServiceNotFound":
		c.find(findings.NoService, object, "Service %s does not exist", serviceOf(a))
	case "EndpointsNotFound", "MissingEndpoints":
		at := serviceOf(a)
		c.find(findings.NoEndpoint, Object{"Service", at.namespace, at.name}, "%s: %s", a.Name, available.Message)
	default:
		c.find(findings.NotAvailable, object, "%s: %s", available.Reason, available.Message)
	}
}

// checkOtherAdapters looks for HPAs that lost their metrics to us.
func (x *examination) checkOtherAdapters() {
	c := x.check("no HPA asks for metrics of another adapter")
	if !c.saw(x.HPAs.Unread) || !x.servesCustomMetrics() {
		return
	}
	for i := range x.HPAs.Items {
		hpa := &x.HPAs.Items[i]
		for _, m := range customMetricsOf(hpa) {
			if !meansOurs(hpa, m.name) {
				c.find(findings.MetricOfOther, hpaObject(hpa), "it asks for %s%s", m.name, x.adapterHint())
			}
		}
	}
}

// adapters are the names of other servers of custom metrics, as their charts label
// them.
var adapters = []string{"prometheus-adapter", "kube-metrics-adapter", "k8s-prometheus-adapter", "custom-metrics-apiserver", "datadog-cluster-agent"}

// AdapterSelector returns the label selector of what Snapshot.Deployments holds.
func AdapterSelector() string {
	return "app.kubernetes.io/name in (" + strings.Join(adapters, ",") + ")"
}

// adapterHint names an adapter that runs.
func (x *examination) adapterHint() string {
	if len(x.Deployments.Items) == 0 {
		return ""
	}
	d := &x.Deployments.Items[0]
	return ", perhaps of Deployment " + d.Namespace + "/" + d.Name
}
