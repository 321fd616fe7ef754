package diagnosis

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
	"guest-metrics-server/pkg/plugin/findings"
)

func (x *examination) examineRights() {
	x.category("Rights")
	c := x.check("the HPA controller may read the metrics")
	if a := x.ControllerAccess; c.saw(a.Unread) && !a.Allowed {
		c.find(findings.ControllerMayNotRead, Object{"User", "", a.User}, "it may not get virtualmachinepools.pool.kubevirt.io/* of %s", customMetrics)
	}
	c = x.check("the role view includes the metrics")
	if c.saw(x.ViewRole.Unread) {
		x.checkView(c)
	}
	c = x.check("you may read the metrics")
	if a := x.CallerAccess; c.saw(a.Unread) && !a.Allowed {
		c.find(findings.CallerMayNotRead, Object{"User", x.Namespace, a.User}, "you may not get them %s", x.scope())
	}
	c = x.check("the server may read KubeVirt's CA")
	if a := x.CAAccess; c.saw(a.Unread) && !a.Allowed {
		c.find(findings.ServerMayNotReadCA, Object{"User", "", a.User}, "it may not get ConfigMap %s/kubevirt-ca", x.kubeVirtNamespace())
	}
}

func (x *examination) scope() string {
	if x.Namespace == "" {
		return "in all namespaces"
	}
	return "in namespace " + x.Namespace
}

func (x *examination) checkView(c *checking) {
	for _, role := range x.ViewRole.Items {
		var lacking []string
		for _, need := range []struct{ group, resource string }{
			{customMetrics, "*"},
			{v1alpha1.SchemeGroupVersion.Group, "vmimetrics"},
		} {
			isGranted := slices.ContainsFunc(role.Rules, func(rule rbacv1.PolicyRule) bool {
				return has(rule.APIGroups, need.group) && has(rule.Resources, need.resource) && has(rule.Verbs, "get")
			})
			if !isGranted {
				lacking = append(lacking, need.group)
			}
		}
		if len(lacking) > 0 {
			c.find(findings.ViewMayNotRead, Object{"ClusterRole", "", role.Name}, "no rule of it is for %s", listOf(lacking))
		}
	}
}

// has reports whether a rule's list has a name or everything.
func has(list []string, name string) bool {
	return slices.Contains(list, name) || slices.Contains(list, "*")
}
