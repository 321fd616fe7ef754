package findings

// The codes of the metrics APIs.
const (
	NotRegistered       Code = "GM0001"
	HalfTakenOver       Code = "GM0002"
	OwnedByOther        Code = "GM0003"
	NoService           Code = "GM0004"
	NoEndpoint          Code = "GM0005"
	NotAvailable        Code = "GM0006"
	NotVerified         Code = "GM0007"
	CertificateExpired  Code = "GM0008"
	CertificateExpiring Code = "GM0009"
	CertificateUnsigned Code = "GM0010"
	NoOwnAPI            Code = "GM0011"
	MetricOfOther       Code = "GM0012"
)

var ofAPIs = []Info{
	{
		Code: NotRegistered, Severity: Problem, Title: "Nobody serves the custom metrics API",
		Meaning: "No APIService leads to a server of custom.metrics.k8s.io. Every HPA with a Pods or Object metric stands still.",
		Cause:   "guest-metrics-server is not installed, or its APIServices were deleted, mostly together with another adapter that owned them.",
		Cure:    "Install it, or apply its APIServices again: see [install.md](install.md).",
	},
	{
		Code: HalfTakenOver, Severity: Problem, Title: "The versions of the custom metrics API have different owners",
		Meaning: "One version leads to one server and one to another. Which one answers depends on the client, so an HPA may lose its metrics when Kubernetes is upgraded.",
		Cause:   "Another adapter was installed, and it brings an APIService of one version only. Helm and GitOps tools take an APIService over without a question.",
		Cure:    "Decide which server owns the API. Remove the other one's APIService from its chart, then apply ours again: see [install.md](install.md).",
	},
	{
		Code: OwnedByOther, Severity: Problem, Title: "Another server owns the custom metrics API",
		Meaning: "Requests for guest metrics reach a server that does not have them. guestmetrics.io works beside it, HPAs do not.",
		Cause:   "Only one server can own custom.metrics.k8s.io. Another adapter was installed before or after this one.",
		Cure:    "Remove the other one's APIServices, then apply ours again: see [install.md](install.md).",
	},
	{
		Code: NoService, Severity: Problem, Title: "An APIService leads to a Service that does not exist",
		Meaning: "The API group is down, and the whole cluster suffers: namespaces do not finish terminating, kubectl and Helm report errors.",
		Cause:   "A server was removed and its APIService left behind, or it was installed into another namespace.",
		Cure:    "Install the server again, or delete the APIService: `kubectl delete apiservice NAME`.",
	},
	{
		Code: NoEndpoint, Severity: Problem, Title: "No ready server is behind an APIService",
		Meaning: "The API group is down, and the whole cluster suffers: namespaces do not finish terminating, kubectl and Helm report errors.",
		Cause:   "No pod of the server is ready: it cannot start, or its readiness probe fails. A new one takes about 40 s until it has its first rates.",
		Cure:    "Look at the server's pods and at their log: `kubectl get pods -n NAMESPACE`, `kubectl logs -n NAMESPACE deployment/NAME`.",
	},
	{
		Code: NotAvailable, Severity: Problem, Title: "An APIService is not available",
		Meaning: "kube-apiserver does not reach the server, or does not trust its certificate. The API group is down, and the whole cluster suffers.",
		Cause:   "The message of the APIService says it: mostly a certificate that caBundle does not verify, or a network policy or firewall between the control plane and the pods.",
		Cure:    "For certificates see [install.md](install.md). For the network: the control plane must reach the server's pods on their port 8443.",
	},
	{
		Code: NotVerified, Severity: Warning, Title: "kube-apiserver does not verify the metrics server",
		Meaning: "Whoever can answer in the server's place decides how pools scale, and sees the callers' names.",
		Cause:   "insecureSkipTLSVerify is set in the APIService, as some adapters ship it.",
		Cure:    "Set caBundle and remove insecureSkipTLSVerify: see [install.md](install.md).",
	},
	{
		Code: CertificateExpired, Severity: Problem, Title: "A certificate has expired",
		Meaning: "kube-apiserver refuses the server. The API group is down, and the whole cluster suffers.",
		Cause:   "Certificates of deploy/make-certs.sh are not renewed by themselves; cert-manager's were not renewed because it is down.",
		Cure:    "Renew it: `deploy/make-certs.sh`, then apply the overlay again; or look at cert-manager's Certificate. The server reads a new one without a restart.",
	},
	{
		Code: CertificateExpiring, Severity: Warning, Title: "A certificate expires soon",
		Meaning: "It has less than 14 days and less than a fifth of its life left. When it has expired, the API group is down.",
		Cause:   "Certificates of deploy/make-certs.sh are not renewed by themselves. cert-manager renews with a third of the life left, so it does not work.",
		Cure:    "Renew it: `deploy/make-certs.sh`, then apply the overlay again; or look at cert-manager's Certificate.",
	},
	{
		Code: CertificateUnsigned, Severity: Problem, Title: "caBundle does not verify the server's certificate",
		Meaning: "kube-apiserver refuses the server, at the latest with the next connection.",
		Cause:   "One of the two was renewed and the other one not, or the certificate is for another name than SERVICE.NAMESPACE.svc.",
		Cure:    "Make both anew: `deploy/make-certs.sh`, then apply the overlay again. With cert-manager: check the annotation cert-manager.io/inject-ca-from of the APIServices.",
	},
	{
		Code: NoOwnAPI, Severity: Warning, Title: "guestmetrics.io is not registered",
		Meaning: "`kubectl get vmimetrics` and scrapetargets do not exist, so doctor, top and explain see less. HPAs are not concerned.",
		Cause:   "The server is older than the plugin, or its APIService was deleted.",
		Cure:    "Apply the manifests of the server's release again: see [install.md](install.md).",
	},
	{
		Code: MetricOfOther, Severity: Problem, Title: "An HPA asks for a metric that no server has",
		Meaning: "The HPA stands still. Its metric is none of guest-metrics-server's, which owns the custom metrics API.",
		Cause:   "Another adapter served it before guest-metrics-server took the API over.",
		Cure:    "Give the API back to that adapter, or change the HPA to an External metric: KEDA and others own external.metrics.k8s.io, which stays theirs.",
	},
}

// The codes of rights.
const (
	ControllerMayNotRead Code = "GM0101"
	ViewMayNotRead       Code = "GM0102"
	CallerMayNotRead     Code = "GM0103"
	ServerMayNotReadCA   Code = "GM0104"
)

var ofRights = []Info{
	{
		Code: ControllerMayNotRead, Severity: Problem, Title: "The HPA controller may not read the metrics",
		Meaning: "Every HPA on a guest metric stands still with \"forbidden\".",
		Cause:   "The ClusterRoleBinding guest-metrics-reader:horizontal-pod-autoscaler is missing, or names another user than the controller is.",
		Cure:    "Apply `deploy/base/readers-rbac.yaml` again.",
	},
	{
		Code: ViewMayNotRead, Severity: Warning, Title: "The role view does not include the guest metrics",
		Meaning: "Tenants cannot see what their HPAs see: `kubectl get vmimetrics` and `kubectl get --raw` are forbidden to them.",
		Cause:   "The ClusterRole guest-metrics-reader is missing, or its label rbac.authorization.k8s.io/aggregate-to-view.",
		Cure:    "Apply `deploy/base/readers-rbac.yaml` again.",
	},
	{
		Code: CallerMayNotRead, Severity: Warning, Title: "You may not read the guest metrics",
		Meaning: "doctor, top and explain see less. HPAs are not concerned.",
		Cause:   "You have no role in the namespace that includes view.",
		Cure:    "Let an administrator of the namespace give you view: `kubectl create rolebinding guest-metrics-view --clusterrole=view --user=USER -n NAMESPACE`.",
	},
	{
		Code: ServerMayNotReadCA, Severity: Problem, Title: "The server may not read KubeVirt's CA",
		Meaning: "It cannot verify virt-handler, so it has no sample of any VMI.",
		Cause:   "KubeVirt runs in another namespace than the Role guest-metrics-server:kubevirt-ca is in, as on OpenShift.",
		Cure:    "Patch the namespace of the Role and its RoleBinding, as `deploy/openshift` does.",
	},
}

// The codes of KubeVirt and its nodes.
const (
	NoKubeVirt         Code = "GM0201"
	OldKubeVirt        Code = "GM0202"
	KubeVirtNotReady   Code = "GM0203"
	NodeNotReady       Code = "GM0204"
	NoVirtHandler      Code = "GM0205"
	VirtHandlerDown    Code = "GM0206"
	VirtHandlerSlow    Code = "GM0207"
	ResponseIncomplete Code = "GM0208"
)

var ofKubeVirt = []Info{
	{
		Code: NoKubeVirt, Severity: Problem, Title: "KubeVirt is not installed",
		Meaning: "There is no VMI to serve metrics of.",
		Cause:   "No KubeVirt object exists.",
		Cure:    "Install KubeVirt 1.6 or newer.",
	},
	{
		Code: OldKubeVirt, Severity: Problem, Title: "KubeVirt is too old",
		Meaning: "Before 1.6 KubeVirt reports vCPU time in another unit, and its pools have no usable scale.",
		Cause:   "The installed version is older than 1.6.",
		Cure:    "Upgrade KubeVirt to 1.6 or newer.",
	},
	{
		Code: KubeVirtNotReady, Severity: Warning, Title: "KubeVirt is not in order",
		Meaning: "Its operator reports that something of it does not run. New VMs may not start, and nodes may lack metrics.",
		Cause:   "The conditions of the KubeVirt object say it.",
		Cure:    "`kubectl describe kubevirt -A`.",
	},
	{
		Code: NodeNotReady, Severity: Problem, Title: "A node with VMs is not ready",
		Meaning: "Nothing is known of its VMs. They are taken to be like the others of their groups; when more than half of a group is unknown, its HPA stands still.",
		Cause:   "The machine or its kubelet is down, or cut off.",
		Cure:    "Look at the node: `kubectl describe node NAME`. Delete the Node if the machine is gone for good, so that its VMs can start elsewhere.",
	},
	{
		Code: NoVirtHandler, Severity: Problem, Title: "A node with VMs has no virt-handler that is scraped",
		Meaning: "Nothing is known of its VMs.",
		Cause:   "The virt-handler pod of the node does not run: it crashes, was evicted, or a taint keeps it away.",
		Cure:    "Look at it: `kubectl get pods -A -l kubevirt.io=virt-handler -o wide`.",
	},
	{
		Code: VirtHandlerDown, Severity: Problem, Title: "A virt-handler cannot be scraped",
		Meaning: "What is known of the VMs of its node grows old, and is unknown after 60 s.",
		Cause:   "The last error says it: connection refused or timeout (dead node, network policy), a certificate (KubeVirt's CA), or 503 (too many other scrapers).",
		Cure:    "Look at the virt-handler pod and its log. Let the server's pods reach port 8443 of KubeVirt's. With 503 raise virt-handler's --max-metric-requests or scrape less often.",
	},
	{
		Code: VirtHandlerSlow, Severity: Warning, Title: "A virt-handler answers slowly",
		Meaning: "Its last scrape took 5 s or more. Samples come late, and with 15 s the scrape fails.",
		Cause:   "Mostly one virt-launcher hangs: virt-handler waits 5 s for it in each scrape.",
		Cure:    "Find the VMI that is missing from the response (GM0208) and restart it, or look at the load of the node.",
	},
	{
		Code: ResponseIncomplete, Severity: Warning, Title: "A VMI that runs has no current sample",
		Meaning: "Nothing current is known of it. It is taken to be like the others of its group.",
		Cause:   "The message has what its virt-handler's last scrape said. Mostly that answered without this VMI, since its virt-launcher does not answer in time, for example because QEMU or libvirt hangs. Right after a start or a live migration it passes by itself. A scrape that failed is a matter of the node, which cluster readers see as GM0204 to GM0206.",
		Cure:    "Look at the launcher's log: `kubectl logs -n NAMESPACE -l vm.kubevirt.io/name=NAME -c compute`. A restart of the VM, or a live migration, mends it.",
	},
}
