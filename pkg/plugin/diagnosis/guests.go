package diagnosis

import (
	"cmp"
	"strings"
	"time"

	kubevirtv1 "kubevirt.io/api/core/v1"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
	"guest-metrics-server/pkg/guesthttp"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/plugin/findings"
	"guest-metrics-server/pkg/reason"
)

// longToBoot is how long a VMI may run without being Ready before that is worth a
// warning.
const longToBoot = 10 * time.Minute

func (x *examination) examineGuests() {
	x.category("Guests")
	x.checkStates()
	x.checkSamples()
	x.checkAnnotations()
	x.checkStatusPages()
}

func vmiObject(namespace, name string) Object {
	return Object{"VirtualMachineInstance", namespace, name}
}

func (x *examination) checkStates() {
	c := x.check("every VMI that runs counts in its groups")
	if !c.saw(x.VMIs.Unread) {
		return
	}
	c.saw(x.VMIMetrics.Unread)
	metrics := x.metricsByName()
	for i := range x.VMIs.Items {
		vmi := &x.VMIs.Items[i]
		if vmi.Status.Phase != kubevirtv1.Running || vmi.DeletionTimestamp != nil {
			continue
		}
		object := vmiObject(vmi.Namespace, vmi.Name)
		if paused := condition(vmi, kubevirtv1.VirtualMachineInstancePaused); paused != nil {
			c.find(findings.GuestPaused, object, "%s", cmp.Or(paused.Message, paused.Reason, "Paused"))
			continue
		}
		m := metrics[[2]string{vmi.Namespace, vmi.Name}]
		if m == nil || m.Excluded == nil {
			continue
		}
		switch reason.Code(m.Excluded.Reason) {
		case reason.NotReady:
			if since := runningSince(vmi); !since.IsZero() && x.Time.Sub(since) > longToBoot {
				c.find(findings.GuestNeverReady, object, "it has been running for %s", rough(x.Time.Sub(since)))
			} else {
				c.find(findings.GuestWarming, object, "%s", m.Excluded.Message)
			}
		case reason.WarmingUp, reason.WarmUpUnknown:
			c.find(findings.GuestWarming, object, "%s", m.Excluded.Message)
		}
	}
}

func condition(vmi *kubevirtv1.VirtualMachineInstance, kind kubevirtv1.VirtualMachineInstanceConditionType) *kubevirtv1.VirtualMachineInstanceCondition {
	for i := range vmi.Status.Conditions {
		if c := &vmi.Status.Conditions[i]; c.Type == kind && c.Status == "True" {
			return c
		}
	}
	return nil
}

func runningSince(vmi *kubevirtv1.VirtualMachineInstance) time.Time {
	for _, t := range vmi.Status.PhaseTransitionTimestamps {
		if t.Phase == kubevirtv1.Running {
			return t.PhaseTransitionTimestamp.Time
		}
	}
	return time.Time{}
}

func (x *examination) metricsByName() map[[2]string]*v1alpha1.VirtualMachineInstanceMetrics {
	byName := make(map[[2]string]*v1alpha1.VirtualMachineInstanceMetrics, len(x.VMIMetrics.Items))
	for i := range x.VMIMetrics.Items {
		m := &x.VMIMetrics.Items[i]
		byName[[2]string{m.Namespace, m.Name}] = m
	}
	return byName
}

// unknown returns why a metric of a VMI is not known, nil if it is.
func unknown(m *v1alpha1.VirtualMachineInstanceMetrics, name string) *v1alpha1.Reason {
	for i := range m.Unknown {
		if m.Unknown[i].Name == name {
			return &m.Unknown[i].Reason
		}
	}
	return nil
}

func (x *examination) checkSamples() {
	c := x.check("every VMI that runs is in its virt-handler's response")
	if !c.saw(x.VMIMetrics.Unread) {
		return
	}
	for i := range x.VMIMetrics.Items {
		m := &x.VMIMetrics.Items[i]
		why := unknown(m, metric.CPUUsage)
		if m.Excluded != nil || why == nil {
			continue
		}
		object := vmiObject(m.Namespace, m.Name)
		switch reason.Code(why.Reason) {
		case reason.NoSample, reason.Stale:
			if !x.isNodeLost(m.Node) {
				c.find(findings.ResponseIncomplete, object, "%s", why.Message)
			}
		case reason.NoActivePod:
			c.find(findings.NoActivePod, object, "%s", why.Message)
		case reason.TooLarge:
			c.find(findings.TooLarge, object, "%s", why.Message)
		}
	}
}

func (x *examination) checkAnnotations() {
	c := x.check("every annotation guestmetrics.io/... is understood")
	if c.saw(x.VMIs.Unread) {
		for i := range x.VMIs.Items {
			vmi := &x.VMIs.Items[i]
			c.judgeAnnotations(vmiObject(vmi.Namespace, vmi.Name), vmi.Annotations)
		}
	}
	for _, part := range []string{x.Pools.Unread, x.ReplicaSets.Unread} {
		c.saw(part)
	}
	for _, t := range x.targets {
		c.judgeAnnotations(t.object, t.annotations)
	}
}

func (c *checking) judgeAnnotations(object Object, annotations map[string]string) {
	var vmi inventory.VMI
	vmi.ReadAnnotations(annotations)
	for _, p := range vmi.Problems {
		c.find(findings.BadAnnotation, object, "%s: %s", p.Annotation, p.Why)
	}
}

func (x *examination) checkStatusPages() {
	c := x.check("every guest's status page is read")
	if !c.saw(x.VMIs.Unread) || !c.saw(x.VMIMetrics.Unread) {
		return
	}
	metrics := x.metricsByName()
	for i := range x.VMIs.Items {
		vmi := &x.VMIs.Items[i]
		m := metrics[[2]string{vmi.Namespace, vmi.Name}]
		if m == nil || m.Excluded != nil || !guesthttp.Annotated(vmi.Annotations) {
			continue
		}
		why := unknown(m, metric.HTTPRequests)
		if why == nil {
			continue
		}
		switch reason.Code(why.Reason) {
		case reason.NoSample, reason.Stale, reason.Implausible, reason.NotReported:
			c.find(findings.StatusPageUnreadable, vmiObject(vmi.Namespace, vmi.Name), "%s", why.Message)
		}
	}
}

// listOf joins words with commas.
func listOf(words []string) string { return strings.Join(words, ", ") }
