package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/plugin/findings"
)

const (
	defaultStabilization = 300 * time.Second // Kubernetes' own, of scale-down.

	// The server's defaults: see pkg/app/options.go.
	defaultWarmup = 60 * time.Second
	firstRate     = 49 * time.Second // A rate window and two scrapes.
)

func hpaObject(hpa *autoscalingv2.HorizontalPodAutoscaler) Object {
	return Object{"HorizontalPodAutoscaler", hpa.Namespace, hpa.Name}
}

// isExamined reports whether an HPA scales VMs, or anything on guest metrics.
func isExamined(hpa *autoscalingv2.HorizontalPodAutoscaler) bool {
	ref := hpa.Spec.ScaleTargetRef
	return isTargetKind(ref.APIVersion, ref.Kind) ||
		slices.ContainsFunc(customMetricsOf(hpa), func(m hpaMetric) bool { return meansOurs(hpa, m.name) })
}

func (x *examination) examineHPAs() {
	x.category("HorizontalPodAutoscalers")
	if x.HPAs.Unread != "" {
		x.check("every HPA can do its work").saw(x.HPAs.Unread)
		return
	}
	examined := 0
	for i := range x.HPAs.Items {
		if hpa := &x.HPAs.Items[i]; isExamined(hpa) {
			examined++
			x.examineHPA(hpa)
		}
	}
	if examined == 0 {
		x.check("no HPA scales a pool or a replica set %s", x.scope())
	}
}

func (x *examination) examineHPA(hpa *autoscalingv2.HorizontalPodAutoscaler) {
	ref := hpa.Spec.ScaleTargetRef
	c := x.check("HPA %s/%s can scale %s %s", hpa.Namespace, hpa.Name, ref.Kind, ref.Name)
	h := &hpaCheck{checking: c, hpa: hpa, object: hpaObject(hpa)}
	h.checkTarget()
	h.checkRivals()
	for _, m := range hpa.Spec.Metrics {
		h.checkMetric(m)
	}
	h.checkWakes()
	h.checkStabilization()
	h.checkMembers()
	h.checkConditions()
}

// hpaCheck is the check of one HPA.
type hpaCheck struct {
	*checking
	hpa    *autoscalingv2.HorizontalPodAutoscaler
	object Object
	target *target // What it scales, nil if that is not known.
	rivals bool    // Other HPAs scale the same.
}

// sawTargets reports whether objects of a kind were read.
func (h *hpaCheck) sawTargets(kind string) bool {
	switch kind {
	case inventory.Pools.Kind:
		return h.saw(h.x.Pools.Unread)
	case inventory.ReplicaSets.Kind:
		return h.saw(h.x.ReplicaSets.Unread)
	default:
		return false
	}
}

func (h *hpaCheck) checkTarget() {
	ref := h.hpa.Spec.ScaleTargetRef
	if !isTargetKind(ref.APIVersion, ref.Kind) || !h.sawTargets(ref.Kind) {
		return
	}
	h.target = h.x.findTarget(Object{ref.Kind, h.hpa.Namespace, ref.Name})
	if h.target == nil {
		h.find(findings.NoTarget, h.object, "there is no %s %s in namespace %s%s", ref.Kind, ref.Name, h.hpa.Namespace, h.elsewhere(ref.Kind, ref.Name))
		return
	}
	t := h.target
	if t.paused {
		h.find(findings.TargetPaused, t.object, "spec.paused is true")
	}
	if t.scaleIn != "" {
		h.find(findings.ScaleInIgnored, t.object, "its scaleInStrategy is %s", t.scaleIn)
	}
	if t.scaleInBy {
		h.find(findings.ScaleInSelectors, t.object, "its scaleInStrategy has selectors")
	}
	if t.replicas == 0 && minReplicas(h.hpa) > 0 {
		h.find(findings.SwitchedOff, h.object, "%s has 0 replicas, and minReplicas is %d", t.object, minReplicas(h.hpa))
	}
}

// elsewhere names an object of the same kind and name in another namespace.
func (h *hpaCheck) elsewhere(kind, name string) string {
	for _, t := range h.x.targets {
		if t.object.Kind == kind && t.object.Name == name {
			return "; there is one in namespace " + t.object.Namespace
		}
	}
	return ""
}

func minReplicas(hpa *autoscalingv2.HorizontalPodAutoscaler) int32 {
	return replicasOf(hpa.Spec.MinReplicas) // The default of both is 1.
}

// checkRivals looks for another HPA with the same target. The first by name has the
// finding, so that there is one for them all.
func (h *hpaCheck) checkRivals() {
	var names []string
	for i := range h.x.HPAs.Items {
		other := &h.x.HPAs.Items[i]
		a, b := h.hpa.Spec.ScaleTargetRef, other.Spec.ScaleTargetRef
		if other.Namespace == h.hpa.Namespace && a.Kind == b.Kind && a.Name == b.Name {
			names = append(names, other.Name)
		}
	}
	slices.Sort(names)
	h.rivals = len(names) > 1
	if h.rivals && names[0] == h.hpa.Name {
		ref := h.hpa.Spec.ScaleTargetRef
		h.find(findings.TwoHPAs, Object{ref.Kind, h.hpa.Namespace, ref.Name}, "the HPAs %s scale it", listOf(names))
	}
}

func (h *hpaCheck) checkWakes() {
	if minReplicas(h.hpa) > 0 || len(h.hpa.Spec.Metrics) == 0 {
		return
	}
	for _, m := range h.hpa.Spec.Metrics {
		custom, ok := customMetricOf(m)
		if m.Type == autoscalingv2.ExternalMetricSourceType || ok && (metric.Lookup(custom.name) == nil || !h.isOfTarget(custom)) {
			return
		}
	}
	h.find(findings.NothingWakes, h.object, "minReplicas is 0, and every metric is of the VMs that it scales")
}

func (h *hpaCheck) checkStabilization() {
	if h.target == nil {
		return
	}
	window := defaultStabilization
	if b := h.hpa.Spec.Behavior; b != nil && b.ScaleDown != nil && b.ScaleDown.StabilizationWindowSeconds != nil {
		window = time.Duration(*b.ScaleDown.StabilizationWindowSeconds) * time.Second
	}
	warmup := defaultWarmup
	var template inventory.VMI
	if template.ReadAnnotations(h.target.annotations); template.Warmup != nil {
		warmup = *template.Warmup
	}
	if needed := warmup + firstRate; window < needed {
		h.find(findings.ShortStabilization, h.object, "the window of scale-down is %s, and a new VM has its first rate %s after it became Ready (warm-up %s)", window, needed, warmup)
	}
}

// checkConditions says what the HPA controller says, where no finding explains it.
func (h *hpaCheck) checkConditions() {
	isExplained := h.rivals || slices.ContainsFunc(h.check.Findings, func(f Finding) bool {
		return f.Severity == findings.Problem || f.Code == findings.SwitchedOff
	})
	if isExplained {
		return
	}
	for _, condition := range h.hpa.Status.Conditions {
		switch condition.Type {
		case autoscalingv2.ScalingActive, autoscalingv2.AbleToScale:
			if condition.Status == corev1.ConditionFalse {
				h.find(findings.NoDecision, h.object, "%s: %s", condition.Reason, cmp.Or(condition.Message, "no message"))
				return
			}
		}
	}
}

// number returns a number without needless zeros.
func number(v float64) string { return fmt.Sprintf("%.4g", v) }
