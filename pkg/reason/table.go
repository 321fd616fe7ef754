package reason

import "slices"

// Code names a reason, in the form of a label's value.
type Code string

// The codes of single VMIs, in the order in which they are looked for.
const (
	Deleting      Code = "deleting"
	NotRunning    Code = "not_running"
	Paused        Code = "paused"
	NotReady      Code = "not_ready"
	WarmingUp     Code = "warming_up"
	WarmUpUnknown Code = "warm_up_unknown"
	NoActivePod   Code = "no_active_pod"
	NoEndpoint    Code = "no_endpoint"
	BadEndpoint   Code = "bad_endpoint"
	NoSample      Code = "no_sample"
	TooLarge      Code = "too_large"
	Stale         Code = "stale"
	NoAgent       Code = "no_agent"
	OneSample     Code = "one_sample"
	NotReported   Code = "not_reported"
	Implausible   Code = "implausible"
)

// The codes of groups.
const (
	NoMembers   Code = "no_members"
	TooFewKnown Code = "too_few_known"
)

// Info is what the documentation says of a code.
type Info struct {
	Code    Code
	OfGroup bool   // It is a reason of a pool or another group, never of one VMI.
	Meaning string // A sentence.
	Cure    string // What to do about it, "" for nothing.
	Example string // A message that ends with the reason.
}

var table = []Info{
	{
		Code: Deleting, Meaning: "The VMI is being deleted.",
		Example: "being deleted",
	},
	{
		Code: NotRunning, Meaning: "The VMI is in another phase than Running, or the VirtualMachine is stopped.",
		Example: "in phase Scheduling, not Running",
	},
	{
		Code: Paused, Meaning: "The guest is paused, so its counters stand still.", Cure: "Unpause it (`virtctl unpause vmi NAME`).",
		Example: "Paused",
	},
	{
		Code: NotReady, Meaning: "The VMI has not been Ready since it runs. Boot load must not scale a pool.",
		Cure:    "Wait. If it stays, look at the VMI's readiness probe.",
		Example: "not Ready yet",
	},
	{
		Code: WarmingUp, Meaning: "The VMI has been Ready for less than `--warmup` (60 s; with a readiness probe `--warmup-with-probe`, 30 s), or it has no rate yet since then.",
		Cure:    "Wait, or set the annotation `guestmetrics.io/warmup` on the VMI.",
		Example: "warming up for another 40s",
	},
	{
		Code: WarmUpUnknown, Meaning: "The VMI became Ready again for less than its warm-up before the server started. Whether it was Ready for long enough before that is not known.",
		Cure:    "Wait for its warm-up.",
		Example: "Ready again for less than its warm-up, and what was before this server started is not known: counts in 40s at the latest",
	},
	{
		Code: NoActivePod, Meaning: "No running launcher pod of the VMI is on the VMI's node. Of a pod: it is not the active launcher pod of a VMI.",
		Cure:    "Look at the VMI's pods (`kubectl get pods -l kubevirt.io/created-by=UID`). Right after a migration it passes by itself.",
		Example: `no running launcher pod on node "n1"`,
	},
	{
		Code: NoEndpoint, Meaning: "No annotation says where the guest's status page is.",
		Cure:    "Set `guestmetrics.io/http-port` on the VMI: [http.md](http.md).",
		Example: "no annotation guestmetrics.io/http-port says where its status page is",
	},
	{
		Code: BadEndpoint, Meaning: "An annotation about the guest's status page is not understood.",
		Cure:    "Correct the annotation that the message names: [http.md](http.md).",
		Example: "annotation guestmetrics.io/http-port: want a port from 1 to 65535",
	},
	{
		Code: NoSample, Meaning: "No sample of the VMI was taken since it runs on its node. The message says what the last scrape said.",
		Cure:    "Look at that virt-handler, or at the guest's status page. A launcher that hangs takes its own VMI out of virt-handler's response.",
		Example: "no sample yet: no virt-handler pod runs on node n7",
	},
	{
		Code: TooLarge, Meaning: "The response of its node has more of this VMI than is read: lines longer than 256 KiB, or more than 1,024 series of a kind.",
		Cure:    "Mostly: remove labels from the VMI. [limits.md](limits.md) has the bounds.",
		Example: "no sample yet: virt-handler's response has a line of 309123 bytes of this VMI, more than the 262144 that are read: remove labels from the VirtualMachineInstance",
	},
	{
		Code: Stale, Meaning: "The newest sample is older than `--max-sample-age` (60 s). The message says what the last scrape said.",
		Cure:    "Look at that virt-handler, or at the guest's status page.",
		Example: "no sample for 1m15s: virt-handler on node n7: dial: connect: connection refused",
	},
	{
		Code: NoAgent, Meaning: "The metric needs the guest agent, which is not connected.",
		Cure:    "Install and start qemu-guest-agent in the guest.",
		Example: "the guest agent is not connected",
	},
	{
		Code: OneSample, Meaning: "A rate needs a second sample: after a start, a restart, a migration or a long gap.",
		Cure:    "Wait one `--scrape-interval`.",
		Example: "first sample taken, a rate needs a second one",
	},
	{
		Code: NotReported, Meaning: "The samples lack the series that the metric needs.",
		Cure:    "The message says which series; [metrics.md](metrics.md) says what gives it.",
		Example: "virt-handler's response has no usable kubevirt_vmi_memory_available_bytes of this VMI",
	},
	{
		Code: Implausible, Meaning: "The guest reports more than any machine can do: more than 10^14 bytes, or 10^8 of another unit.",
		Cure:    "Look at what the guest reports, such as its status page.",
		Example: "1e+12 requests per second are reported, and more than 1e+08 are not believed",
	},
	{
		Code: NoMembers, OfGroup: true, Meaning: "No VMI belongs to the pool, replica set or namespace, or none is behind the Service.",
		Example: "it has no VirtualMachineInstance",
	},
	{
		Code: TooFewKnown, OfGroup: true, Meaning: "Less than `--min-known-fraction` (half) of the members that count is known, or none counts yet.",
		Cure:    "The reasons of its members follow, each with an example.",
		Example: "the value of 1 of 3 members is known, less than the fraction of 0.5 that is asked for: 2 stale (no sample for 1m15s: virt-handler on node n7: dial: connect: connection refused)",
	},
}

// Table returns what there is to know of each code, in the order in which reasons
// are looked for.
func Table() []Info { return slices.Clone(table) }

// Codes lists the codes of single VMIs.
func Codes() []Code {
	var codes []Code
	for _, info := range table {
		if !info.OfGroup {
			codes = append(codes, info.Code)
		}
	}
	return codes
}
