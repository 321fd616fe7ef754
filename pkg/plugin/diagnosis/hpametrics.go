package diagnosis

import (
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	utilversion "k8s.io/apimachinery/pkg/util/version"

	"guest-metrics-server/pkg/guesthttp"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/plugin/findings"
	"guest-metrics-server/pkg/reason"
)

// hpaMetric is a Pods or Object metric of an HPA.
type hpaMetric struct {
	name      string
	aggregate string // Of metric.selector, "" for the default.
	target    autoscalingv2.MetricTarget
	described *autoscalingv2.CrossVersionObjectReference // nil of a Pods metric.
}

func customMetricOf(m autoscalingv2.MetricSpec) (hpaMetric, bool) {
	switch {
	case m.Type == autoscalingv2.PodsMetricSourceType && m.Pods != nil:
		return hpaMetric{m.Pods.Metric.Name, "", m.Pods.Target, nil}, true
	case m.Type == autoscalingv2.ObjectMetricSourceType && m.Object != nil:
		aggregate := ""
		if s := m.Object.Metric.Selector; s != nil {
			aggregate = s.MatchLabels["aggregate"]
		}
		return hpaMetric{m.Object.Metric.Name, aggregate, m.Object.Target, &m.Object.DescribedObject}, true
	default:
		return hpaMetric{}, false
	}
}

func customMetricsOf(hpa *autoscalingv2.HorizontalPodAutoscaler) []hpaMetric {
	var all []hpaMetric
	for _, m := range hpa.Spec.Metrics {
		if custom, ok := customMetricOf(m); ok {
			all = append(all, custom)
		}
	}
	return all
}

// isOfTarget reports whether a metric is of the VMs that the HPA scales.
func (h *hpaCheck) isOfTarget(m hpaMetric) bool {
	ref := h.hpa.Spec.ScaleTargetRef
	return m.described == nil || m.described.Kind == ref.Kind && m.described.Name == ref.Name
}

func (h *hpaCheck) checkMetric(spec autoscalingv2.MetricSpec) {
	if spec.Type == autoscalingv2.ResourceMetricSourceType || spec.Type == autoscalingv2.ContainerResourceMetricSourceType {
		name := corev1.ResourceName("")
		switch {
		case spec.Resource != nil:
			name = spec.Resource.Name
		case spec.ContainerResource != nil:
			name = spec.ContainerResource.Name
		}
		h.find(findings.LauncherPodMetric, h.object, "it has a %s metric: %s", spec.Type, name)
		h.checkPods()
		return
	}
	m, ok := customMetricOf(spec)
	if !ok {
		return
	}
	known := metric.Lookup(m.name)
	if known == nil {
		if meansOurs(h.hpa, m.name) {
			h.find(findings.UnknownMetric, h.object, "there is no %s%s", m.name, didYouMean(nearest(m.name)))
		}
		return
	}
	if m.described != nil && !h.checkDescribed(m) {
		return
	}
	h.checkForm(m, known)
	h.checkReach(m, known)
	if known.Source == metric.StatusPages && h.target != nil && h.isOfTarget(m) && !guesthttp.Annotated(h.target.annotations) {
		h.find(findings.NoAnnotation, h.object, "the template of %s has none", h.target.object)
	}
}

func didYouMean(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}

// checkDescribed reports whether the described object exists, as far as is known.
func (h *hpaCheck) checkDescribed(m hpaMetric) bool {
	d := m.described
	switch d.Kind {
	case inventory.Pools.Kind, inventory.ReplicaSets.Kind:
		if !isTargetKind(d.APIVersion, d.Kind) {
			h.find(findings.NoDescribedObject, h.object, "%s has no %s", d.APIVersion, d.Kind)
			return false
		}
		if h.sawTargets(d.Kind) && h.x.findTarget(Object{d.Kind, h.hpa.Namespace, d.Name}) == nil {
			if h.target == nil && h.isOfTarget(m) {
				return false // That the target is missing says it.
			}
			h.find(findings.NoDescribedObject, h.object, "there is no %s %s in namespace %s%s", d.Kind, d.Name, h.hpa.Namespace, h.elsewhere(d.Kind, d.Name))
			return false
		}
	case inventory.Services.Kind, inventory.Namespaces.Kind, inventory.VMs.Kind, inventory.VMIs.Kind, inventory.Pods.Kind:
		return true
	default:
		h.find(findings.NoDescribedObject, h.object, "a %s has no guest metrics", d.Kind)
		return false
	}
	if h.target != nil && !h.isOfTarget(m) {
		h.find(findings.OtherObject, h.object, "it asks about %s %s and scales %s", d.Kind, d.Name, h.target.object)
	}
	return true
}

// checkForm judges whether type, target and aggregation make sense together.
func (h *hpaCheck) checkForm(m hpaMetric, known *metric.Metric) {
	if m.described == nil {
		if !h.checkPods() {
			h.find(findings.ReadsPods, h.object, "%s is a Pods metric", m.name)
		}
		return
	}
	isSum := m.aggregate == string(metric.Sum) || m.aggregate == "" && known.Group == metric.Sum
	isGroup := m.described.Kind != inventory.VMs.Kind && m.described.Kind != inventory.VMIs.Kind && m.described.Kind != inventory.Pods.Kind
	switch {
	case !isGroup:
	case m.target.Type == autoscalingv2.AverageValueMetricType && !isSum:
		h.find(findings.MeanDividedByOne, h.object, "%s of a group is not a sum, and the target is an AverageValue", m.name)
	case m.target.Type == autoscalingv2.ValueMetricType && isSum && h.isOfTarget(m):
		h.find(findings.SumWithValue, h.object, "%s of a group is a sum, and the target is a Value", m.name)
	case m.target.Type == autoscalingv2.ValueMetricType && !h.labelsMissing():
		h.find(findings.ReadsPods, h.object, "%s has a target of type Value, and so counts pods", m.name)
	}
}

// checkPods judges what an HPA finds that reads pods by labels. It reports whether
// it found a problem.
func (h *hpaCheck) checkPods() bool {
	if h.labelsMissing() {
		return true
	}
	if h.target == nil || !h.saw(h.x.Pods.Unread) {
		return false
	}
	if version, err := utilversion.ParseGeneric(h.x.KubernetesVersion); err == nil && version.AtLeast(leftoversIgnored) {
		return false
	}
	finished := 0
	for i := range h.x.Pods.Items {
		pod := &h.x.Pods.Items[i]
		if pod.Namespace == h.hpa.Namespace && pod.Status.Phase == corev1.PodSucceeded && pod.DeletionTimestamp == nil && h.target.selector.Matches(labels.Set(pod.Labels)) {
			finished++
		}
	}
	if finished > 0 {
		h.find(findings.LeftoverPods, h.object, "the selector %s of %s finds %s, which Kubernetes %s counts", h.target.selector, h.target.object, count(finished, "finished pod"), h.x.KubernetesVersion)
	}
	return finished > 0
}

// labelsMissing reports whether the HPA finds no pods of its target, and says so.
func (h *hpaCheck) labelsMissing() bool {
	if h.target == nil || h.target.selector.Matches(labels.Set(h.target.podLabels)) {
		return false
	}
	h.find(findings.LabelsMissing, h.object, "it looks for pods with %s, and the template of %s gives them %s", h.target.selector, h.target.object, labelsOf(h.target.podLabels))
	return true
}

func labelsOf(set map[string]string) string {
	if len(set) == 0 {
		return "no labels"
	}
	return labels.Set(set).String()
}

// checkReach judges whether the metric can ever exceed the target by the tolerance.
func (h *hpaCheck) checkReach(m hpaMetric, known *metric.Metric) {
	quantity := m.target.AverageValue
	if m.target.Type == autoscalingv2.ValueMetricType {
		quantity = m.target.Value
	}
	if quantity == nil || h.target == nil || !h.isOfTarget(m) {
		return
	}
	tolerance := 0.1
	if b := h.hpa.Spec.Behavior; b != nil && b.ScaleUp != nil && b.ScaleUp.Tolerance != nil {
		tolerance = b.ScaleUp.Tolerance.AsApproximateFloat64()
	}
	target := quantity.AsApproximateFloat64()
	scalesAbove := target * (1 + tolerance)
	switch {
	case strings.HasPrefix(known.Unit, "percent") && scalesAbove >= 100:
		h.find(findings.TooManyPercent, h.object, "it scales up above %s %% (target %s and tolerance)", number(scalesAbove), number(target))
	case known.Name == metric.CPUUsage && m.target.Type == autoscalingv2.AverageValueMetricType:
		if most := h.mostVCPUs(); most > 0 && scalesAbove >= float64(most) {
			h.find(findings.TooManyCores, h.object, "it scales up above %s cores for each VM (target %s and tolerance), and the largest has %s", number(scalesAbove), number(target), count(int(most), "vCPU"))
		}
	}
}

// mostVCPUs returns the vCPUs of the largest VM that the target has or makes, 0 if
// they are not known.
func (h *hpaCheck) mostVCPUs() int32 {
	most := h.target.vcpus
	for _, m := range h.x.members(h.target) {
		if m.VCPUs != nil {
			most = max(most, *m.VCPUs)
		}
	}
	return most
}

// checkMembers says of which members a metric is unknown.
func (h *hpaCheck) checkMembers() {
	if h.target == nil || !h.saw(h.x.VMIMetrics.Unread) || !h.saw(h.x.VMs.Unread) || !h.saw(h.x.VMIs.Unread) {
		return
	}
	members := h.x.members(h.target)
	for _, m := range customMetricsOf(h.hpa) {
		known := metric.Lookup(m.name)
		if known == nil || !h.isOfTarget(m) || known.Source == metric.StatusPages && !guesthttp.Annotated(h.target.annotations) {
			continue // What is wrong has a finding of its own.
		}
		var tally reason.Tally
		counting, valued, withoutAgent := 0, 0, 0
		for _, member := range members {
			if member.Excluded != nil {
				continue
			}
			counting++
			switch why := unknown(member, m.name); {
			case why == nil:
				valued++
			case reason.Code(why.Reason) == reason.NoAgent:
				withoutAgent++
				fallthrough
			default:
				tally.Add(reason.Errorf(reason.Code(why.Reason), "%s", why.Message))
			}
		}
		if withoutAgent > 0 {
			h.find(findings.AgentMissing, h.object, "%s of %d of %s is unknown: the guest agent is not connected", m.name, withoutAgent, count(counting, "VM"))
		}
		if 2*valued < counting {
			h.find(findings.MembersUnknown, h.object, "%s of %d of %s that count is known: %s", m.name, valued, count(counting, "VM"), tally.String())
		}
	}
}
