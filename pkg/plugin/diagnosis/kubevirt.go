package diagnosis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	utilversion "k8s.io/apimachinery/pkg/util/version"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
	"guest-metrics-server/pkg/plugin/findings"
)

var (
	oldestKubeVirt = utilversion.MustParseGeneric("1.6.0")

	// leftoversIgnored is the first Kubernetes whose HPA controller may leave finished
	// pods out of its counts.
	leftoversIgnored = utilversion.MustParseGeneric("1.38.0")
)

const slowScrape = 5 * time.Second

func (x *examination) kubeVirtNamespace() string {
	if len(x.KubeVirts.Items) == 0 {
		return "kubevirt"
	}
	return x.KubeVirts.Items[0].Namespace
}

func (x *examination) examineKubeVirt() {
	x.category("KubeVirt")
	c := x.check("KubeVirt 1.6 or newer is installed")
	if !c.saw(x.KubeVirts.Unread) {
		return
	}
	if len(x.KubeVirts.Items) == 0 {
		c.find(findings.NoKubeVirt, Object{"KubeVirt", "", ""}, "there is none in any namespace")
		return
	}
	kubeVirt := &x.KubeVirts.Items[0]
	object := Object{"KubeVirt", kubeVirt.Namespace, kubeVirt.Name}
	version := kubeVirt.Status.ObservedKubeVirtVersion
	if parsed, err := utilversion.ParseGeneric(version); err != nil {
		c.saw(fmt.Sprintf("its version, of which the KubeVirt object says %q", version))
	} else if parsed.LessThan(oldestKubeVirt) {
		c.find(findings.OldKubeVirt, object, "it is %s", version)
	}
	c = x.check("KubeVirt %sin namespace %s is in order", strings.TrimLeft(version+" ", " "), kubeVirt.Namespace)
	for _, condition := range kubeVirt.Status.Conditions {
		isGood := condition.Status == corev1.ConditionTrue
		switch condition.Type {
		case kubevirtv1.KubeVirtConditionAvailable:
		case kubevirtv1.KubeVirtConditionDegraded:
			isGood = !isGood
		default:
			continue
		}
		if !isGood {
			c.find(findings.KubeVirtNotReady, object, "%s is %s: %s", condition.Type, condition.Status, cmp.Or(condition.Message, condition.Reason))
		}
	}
}

// runningOn counts the VMIs that run on each node.
func (x *examination) runningOn() map[string]int {
	nodes := make(map[string]int)
	for i := range x.VMIs.Items {
		if vmi := &x.VMIs.Items[i]; vmi.Status.Phase == kubevirtv1.Running && vmi.Status.NodeName != "" {
			nodes[vmi.Status.NodeName]++
		}
	}
	return nodes
}

func (x *examination) examineVirtHandlers() {
	x.category("Nodes")
	vmis := x.runningOn()
	c := x.check("every node with VMs is ready")
	if c.saw(x.VMIs.Unread) && c.saw(x.Nodes.Unread) {
		for i := range x.Nodes.Items {
			node := &x.Nodes.Items[i]
			if why := notReady(node); why != "" && vmis[node.Name] > 0 {
				c.find(findings.NodeNotReady, Object{"Node", "", node.Name}, "%s run on it: %s", count(vmis[node.Name], "VMI"), why)
			}
		}
	}
	c = x.check("every node with VMs has a virt-handler")
	if !c.saw(x.ScrapeTargets.Unread) {
		return
	}
	if c.saw(x.VMIs.Unread) {
		for _, node := range slices.Sorted(maps.Keys(vmis)) {
			if x.target(node) == nil {
				c.find(findings.NoVirtHandler, Object{"Node", "", node}, "%s run on it", count(vmis[node], "VMI"))
			}
		}
	}
	for i := range x.ScrapeTargets.Items {
		x.checkTarget(&x.ScrapeTargets.Items[i])
	}
}

func notReady(node *corev1.Node) string {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status != corev1.ConditionTrue {
			return fmt.Sprintf("Ready is %s: %s", condition.Status, cmp.Or(condition.Message, condition.Reason))
		}
	}
	return ""
}

func (x *examination) target(node string) *v1alpha1.ScrapeTarget {
	i := slices.IndexFunc(x.ScrapeTargets.Items, func(t v1alpha1.ScrapeTarget) bool { return t.Name == node })
	if i < 0 {
		return nil
	}
	return &x.ScrapeTargets.Items[i]
}

// isNodeLost reports whether nothing can be known of the VMIs of a node, which has a
// finding of its own.
func (x *examination) isNodeLost(name string) bool {
	if x.ScrapeTargets.Unread == "" {
		if t := x.target(name); t == nil || t.Health == v1alpha1.TargetDown {
			return true
		}
	}
	return slices.ContainsFunc(x.Nodes.Items, func(n corev1.Node) bool { return n.Name == name && notReady(&n) != "" })
}

func (x *examination) checkTarget(target *v1alpha1.ScrapeTarget) {
	var took time.Duration
	if target.LastScrapeDuration != nil {
		took = target.LastScrapeDuration.Duration
	}
	c := x.check("virt-handler on node %s is scraped", target.Name)
	object := Object{"ScrapeTarget", "", target.Name}
	switch {
	case target.Health == v1alpha1.TargetDown:
		since := "never succeeded"
		if target.LastSuccess != nil {
			since = "last success " + rough(x.Time.Sub(target.LastSuccess.Time)) + " ago"
		}
		c.find(findings.VirtHandlerDown, object, "%s (%s, %s)", target.LastError, target.URL, since)
	case took >= slowScrape:
		c.find(findings.VirtHandlerSlow, object, "the last scrape took %.1f s", took.Seconds())
	}
}
