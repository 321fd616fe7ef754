package findings

// The codes of guests.
const (
	GuestPaused          Code = "GM0301"
	GuestNeverReady      Code = "GM0302"
	GuestWarming         Code = "GM0303"
	BadAnnotation        Code = "GM0304"
	StatusPageUnreadable Code = "GM0305"
	NoActivePod          Code = "GM0306"
	TooLarge             Code = "GM0307"
)

var ofGuests = []Info{
	{
		Code: GuestPaused, Severity: Warning, Title: "A VMI is paused",
		Meaning: "Its counters stand still, so it does not count in its groups. Its replica does no work and is not replaced.",
		Cause:   "Somebody paused it, or KubeVirt did after an I/O error: the condition Paused of the VMI says which.",
		Cure:    "`virtctl unpause vmi NAME -n NAMESPACE`. After an I/O error look at the storage first.",
	},
	{
		Code: GuestNeverReady, Severity: Warning, Title: "A VMI runs and is not Ready",
		Meaning: "It has run for more than 10 minutes and was never Ready, so it does not count in its groups: boot load must not scale a pool.",
		Cause:   "The readiness probe fails, or the guest does not boot.",
		Cure:    "Look at the probe and the guest: `kubectl describe vmi NAME -n NAMESPACE`, `virtctl console NAME -n NAMESPACE`.",
	},
	{
		Code: GuestWarming, Severity: Notice, Title: "A VMI warms up",
		Meaning: "It adds no load to its groups until its warm-up has ended and it has its first rate.",
		Cause:   "It became Ready a short time ago.",
		Cure:    "Wait. The annotation `guestmetrics.io/warmup` on the VMI changes the warm-up.",
	},
	{
		Code: BadAnnotation, Severity: Warning, Title: "An annotation is not understood",
		Meaning: "The guest's HTTP metrics are unknown, or the default warm-up holds.",
		Cause:   "A value or a name of an annotation guestmetrics.io/... is wrong.",
		Cure:    "Correct it where the VMI comes from, in the pool's or the replica set's template: [http.md](http.md). Of a pool a change reaches a VM that runs when it is restarted.",
	},
	{
		Code: StatusPageUnreadable, Severity: Warning, Title: "A guest's status page cannot be read",
		Meaning: "Its requests and connections are unknown.",
		Cause:   "The message says what the read ended with: the web server does not run or listens on 127.0.0.1 only, the port is missing from `interfaces[].ports`, a network policy, or a page that is not understood.",
		Cure:    "See [http.md](http.md).",
	},
	{
		Code: NoActivePod, Severity: Warning, Title: "A VMI that runs has no running launcher pod",
		Meaning: "Nothing is known of it.",
		Cause:   "Right after a migration it passes by itself. If it stays, the node is gone or the pod was deleted by force.",
		Cure:    "Look at its pods: `kubectl get pods -n NAMESPACE -l vm.kubevirt.io/name=NAME -o wide`.",
	},
	{
		Code: TooLarge, Severity: Warning, Title: "A VMI is too large to read",
		Meaning: "virt-handler's response has more of this VMI than is read, so some or all of its metrics are unknown.",
		Cause:   "Mostly many or long labels on the VMI, which each series carries; or more than 1,024 disks, interfaces or vCPUs.",
		Cure:    "Remove labels from the VMI. [limits.md](limits.md) has the bounds.",
	},
}

// The codes of HPAs.
const (
	NoTarget           Code = "GM0401"
	TwoHPAs            Code = "GM0402"
	UnknownMetric      Code = "GM0403"
	LabelsMissing      Code = "GM0404"
	LeftoverPods       Code = "GM0405"
	ReadsPods          Code = "GM0406"
	LauncherPodMetric  Code = "GM0407"
	MeanDividedByOne   Code = "GM0408"
	SumWithValue       Code = "GM0409"
	ShortStabilization Code = "GM0410"
	NothingWakes       Code = "GM0411"
	TooManyCores       Code = "GM0412"
	TooManyPercent     Code = "GM0413"
	NoDescribedObject  Code = "GM0414"
	OtherObject        Code = "GM0415"
	NoAnnotation       Code = "GM0416"
	AgentMissing       Code = "GM0417"
	MembersUnknown     Code = "GM0418"
	NoDecision         Code = "GM0419"
	SwitchedOff        Code = "GM0420"
)

var ofHPAs = []Info{
	{
		Code: NoTarget, Severity: Problem, Title: "The target of an HPA does not exist",
		Meaning: "The HPA does nothing.",
		Cause:   "An HPA scales only what is in its own namespace. The name may be misspelt, or the target is in another namespace.",
		Cure:    "Create the HPA in the namespace of its target, and correct scaleTargetRef.",
	},
	{
		Code: TwoHPAs, Severity: Problem, Title: "Several HPAs scale one target",
		Meaning: "The HPA controller refuses all of them (AmbiguousSelector), or they undo each other's decisions.",
		Cause:   "A second HPA was made instead of a second metric, or one was left behind under an old name.",
		Cure:    "Keep one HPA and give it all metrics: it takes the largest proposal.",
	},
	{
		Code: UnknownMetric, Severity: Problem, Title: "An HPA asks for a metric that does not exist",
		Meaning: "The HPA stands still.",
		Cause:   "The name is misspelt. Names of guest metrics begin with guest_ and end with the unit.",
		Cure:    "Correct the name: [metrics.md](metrics.md) lists all.",
	},
	{
		Code: LabelsMissing, Severity: Problem, Title: "The launcher pods do not have the labels of the pool",
		Meaning: "The HPA finds no pod and stands still.",
		Cause:   "A pool's selector is for VMs, and the HPA uses it for pods. They carry the labels of virtualMachineTemplate.spec.template.metadata only.",
		Cure:    "Write the labels of spec.selector there too. Or use an Object metric with AverageValue, which reads no pods: [pods-or-object.md](pods-or-object.md).",
	},
	{
		Code: LeftoverPods, Severity: Problem, Title: "Finished launcher pods hold an HPA back",
		Meaning: "The HPA takes each finished pod for a VM without a value: idle on the way up, at the target on the way down. So the pool stays as it is.",
		Cause:   "Live migrations leave their source pods behind, and Kubernetes before 1.38 counts them (kubernetes/kubernetes#141298).",
		Cure:    "Use an Object metric with AverageValue: [pods-or-object.md](pods-or-object.md). For the moment: `kubectl delete pods -n NAMESPACE -l SELECTOR --field-selector=status.phase=Succeeded`.",
	},
	{
		Code: ReadsPods, Severity: Warning, Title: "An HPA reads pods where it need not",
		Meaning: "It works, until VMs are migrated (Pods metrics) or overloaded guests fail their readiness probes (Object metrics with Value). Then it stands still.",
		Cause:   "The metric is of type Pods, or of type Object with a target of type Value.",
		Cure:    "Use an Object metric with AverageValue, for a percentage with `aggregate: sum`: [pods-or-object.md](pods-or-object.md).",
	},
	{
		Code: LauncherPodMetric, Severity: Warning, Title: "An HPA scales on the launcher pods' resources",
		Meaning: "The pod's CPU falls when the host is contended and the guest is saturated, and its request is a tenth of the vCPUs by default. Its memory is that of the whole VM, used or not.",
		Cause:   "The HPA has a Resource or ContainerResource metric, as for a Deployment.",
		Cure:    "Use guest_cpu_utilization_percent or guest_cpu_demand_percent: [metrics.md](metrics.md).",
	},
	{
		Code: MeanDividedByOne, Severity: Problem, Title: "An HPA divides a mean where it needs a sum",
		Meaning: "With AverageValue replicas = ceil(value / target). A mean does not grow with the pool, so the HPA wants one or two replicas whatever the load is.",
		Cause:   "The value of a group is a mean or a maximum by default for this metric, and metric.selector does not ask for the sum.",
		Cure:    "Add `selector: {matchLabels: {aggregate: sum}}` to the metric.",
	},
	{
		Code: SumWithValue, Severity: Problem, Title: "An HPA compares a sum with a target of type Value",
		Meaning: "With Value replicas = ceil(value / target × Ready pods). More VMs do not lower a sum, so the pool grows to maxReplicas and stays there, or shrinks to minReplicas.",
		Cause:   "The value of a group is a sum for this metric, by default or by `aggregate: sum`.",
		Cure:    "Use `type: AverageValue` with a target for one VM.",
	},
	{
		Code: ShortStabilization, Severity: Warning, Title: "The scale-down window is shorter than the warm-up",
		Meaning: "Until a new VM has its first rate, the work that it has taken over is in nobody's number. So the pool is scaled down too early, and swings under a steady load.",
		Cause:   "behavior.scaleDown.stabilizationWindowSeconds is shorter than the warm-up, a rate window (29 s) and two scrapes (20 s) together.",
		Cure:    "Make it longer than these and the boot together, mostly 180 to 240 s. The default, 300 s, is longer. Or shorten `guestmetrics.io/warmup`.",
	},
	{
		Code: NothingWakes, Severity: Problem, Title: "Nothing can wake an empty pool",
		Meaning: "With minReplicas 0 the pool can be scaled to nothing. Then no VM is left that could report load, so it stays empty.",
		Cause:   "All metrics of the HPA come from the guests.",
		Cure:    "Set minReplicas to 1, or add a metric from elsewhere, such as the length of a queue.",
	},
	{
		Code: TooManyCores, Severity: Problem, Title: "The target is more cores than a VM has",
		Meaning: "A VM cannot use more cores than its vCPUs, so the HPA never scales up.",
		Cause:   "The VMs were made smaller, or the target is with the tolerance (10 %) as large as the VM.",
		Cure:    "Lower the target below the vCPUs, or use guest_cpu_utilization_percent, which holds for every size.",
	},
	{
		Code: TooManyPercent, Severity: Problem, Title: "The target is a percentage that cannot be exceeded",
		Meaning: "The metric is at most 100 %, so with the tolerance (10 %) the HPA never scales up.",
		Cause:   "The target is more than 90 %, or it is meant for the whole pool.",
		Cure:    "Lower the target. With `aggregate: sum` and AverageValue it is for one VM.",
	},
	{
		Code: NoDescribedObject, Severity: Problem, Title: "The object that an HPA asks about does not exist",
		Meaning: "The HPA gets no value for this metric.",
		Cause:   "describedObject is misspelt, or of a kind that has no guest metrics. It is always looked for in the HPA's namespace.",
		Cure:    "Correct describedObject. For most it is the same as scaleTargetRef.",
	},
	{
		Code: OtherObject, Severity: Notice, Title: "An HPA asks about another object than it scales",
		Meaning: "More replicas do not lower the value, so the target runs to maxReplicas or minReplicas.",
		Cause:   "describedObject was copied from another HPA. It is right where one group of VMs follows another.",
		Cure:    "Make describedObject the same as scaleTargetRef, if this is not meant.",
	},
	{
		Code: NoAnnotation, Severity: Problem, Title: "An HPA on HTTP requests, and no annotation says where the status page is",
		Meaning: "The metric is unknown, so the HPA stands still.",
		Cause:   "The annotation guestmetrics.io/http-port is missing from the VMIs. Of a pool it belongs into virtualMachineTemplate.spec.template.metadata, beside the labels.",
		Cure:    "Set the annotations in the template: [http.md](http.md). Of a pool they reach a VM that runs when it is restarted.",
	},
	{
		Code: AgentMissing, Severity: Warning, Title: "An HPA uses a metric of the guest agent, which is not connected",
		Meaning: "The metric of these VMIs is unknown. They are taken to be like the others; with more than half unknown the HPA stands still.",
		Cause:   "qemu-guest-agent is not installed in the guest or does not run.",
		Cure:    "Install and start it in the guest's image.",
	},
	{
		Code: MembersUnknown, Severity: Problem, Title: "Too few VMs of an HPA are known",
		Meaning: "Less than half of the VMs that count have a value, so there is none for the group, and the HPA holds the number of replicas.",
		Cause:   "The message has the reasons: [reasons.md](reasons.md).",
		Cure:    "Follow the reasons.",
	},
	{
		Code: NoDecision, Severity: Problem, Title: "An HPA cannot decide",
		Meaning: "The HPA controller reports that it lacks something, and holds the number of replicas.",
		Cause:   "The HPA's condition says it; guest-metrics-server's own answers end with the reason.",
		Cure:    "`kubectl describe hpa NAME -n NAMESPACE`, and [reasons.md](reasons.md).",
	},
	{
		Code: SwitchedOff, Severity: Warning, Title: "An HPA is switched off",
		Meaning: "Its target has 0 replicas while minReplicas is more, which the HPA controller takes for a wish to be left alone.",
		Cause:   "Somebody scaled the target to 0.",
		Cure:    "Scale it to 1 or more, when it is to run again.",
	},
}

// The codes of what HPAs scale.
const (
	ScaleInIgnored   Code = "GM0501"
	ScaleInSelectors Code = "GM0502"
	TargetPaused     Code = "GM0503"
)

var ofTargets = []Info{
	{
		Code: ScaleInIgnored, Severity: Problem, Title: "A pool ignores scale-down",
		Meaning: "The HPA lowers the number of replicas, and the pool removes no VM.",
		Cause:   "Its scaleInStrategy is unmanaged or opportunistic.",
		Cure:    "Use `scaleInStrategy: {proactive: {}}`, the default.",
	},
	{
		Code: ScaleInSelectors, Severity: Warning, Title: "A pool's scale-in selects VMs by labels or nodes",
		Meaning: "When fewer VMs match than are to go, virt-controller may crash, and no VM of the cluster is managed while it does (read in KubeVirt 1.9's source).",
		Cause:   "scaleInStrategy.proactive.selectionPolicy.selectors is set.",
		Cure:    "Remove the selectors and use sortPolicy alone.",
	},
	{
		Code: TargetPaused, Severity: Problem, Title: "The target of an HPA is paused",
		Meaning: "Its controller makes and removes no VM, whatever the HPA decides.",
		Cause:   "spec.paused is true, mostly left behind by maintenance.",
		Cure:    "Set spec.paused to false.",
	},
}
