package launcher

import (
	"time"

	kubevirtv1 "kubevirt.io/api/core/v1"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/stats"

	"guest-metrics-server/test/kubevirt/script"
)

const (
	kibibytesPerGibibyte = 1 << 20
	filesystemBytes      = 10 << 30

	// vcpuStep is the resolution of a thread's run time in /proc.
	vcpuStep = 10 * time.Millisecond
)

// domainStats returns what libvirt would tell of the guest.
func domainStats(name, uid string, guest *script.Guest, now time.Time) *stats.DomainStats {
	totals := guest.At(now)
	process := time.Duration(guest.VCPUs)*totals.VCPU + totals.Emulator
	d := &stats.DomainStats{
		Name:      name,
		UUID:      uid,
		NrVirtCpu: uint(guest.VCPUs),
		Cpu: &stats.DomainStatsCPU{
			TimeSet: true, Time: nanoseconds(process),
			UserSet: true, User: nanoseconds(process * 9 / 10),
			SystemSet: true, System: nanoseconds(process / 10),
		},
		Memory:    memoryStats(guest, totals, now),
		Net:       []stats.DomainStatsNet{netStats(totals)},
		Block:     []stats.DomainStatsBlock{blockStats(totals)},
		CPUMapSet: true,
		// Of a migration. Never nil: virt-handler reads it without a look.
		MigrateDomainJobInfo: &stats.DomainJobInfo{},
		Load: &stats.DomainStatsLoad{
			Load1mSet: true, Load1m: guest.Gauge(script.Load1m, now),
			Load5mSet: true, Load5m: guest.Gauge(script.Load5m, now),
			Load15mSet: true, Load15m: guest.Gauge(script.Load15m, now),
		},
	}
	for range guest.VCPUs {
		d.Vcpu = append(d.Vcpu, stats.DomainStatsVcpu{
			StateSet: true, State: stats.VCPURunning, // libvirt says so even of a paused guest
			TimeSet: true, Time: nanoseconds(totals.VCPU.Truncate(vcpuStep)),
			WaitSet: true, Wait: 0, // as on hosts without schedstats
			DelaySet: true, Delay: nanoseconds(totals.Delay),
		})
		d.CPUMap = append(d.CPUMap, []bool{true, true})
	}
	return d
}

func memoryStats(guest *script.Guest, totals script.Totals, now time.Time) *stats.DomainStatsMemory {
	const total = kibibytesPerGibibyte
	available := uint64(total * 94 / 100) // the kernel keeps the rest
	used := uint64(float64(available) * guest.Gauge(script.MemoryUsedPercent, now) / 100)
	usable := available - used
	return &stats.DomainStatsMemory{
		TotalSet: true, Total: total,
		ActualBalloonSet: true, ActualBalloon: total,
		AvailableSet: true, Available: available,
		UsableSet: true, Usable: usable,
		UnusedSet: true, Unused: usable * 9 / 10,
		CachedSet: true, Cached: usable / 10,
		RSSSet: true, RSS: total,
		SwapInSet: true, SwapOutSet: true,
		MajorFaultSet: true, MajorFault: uint64(totals.Counters[script.MajorPageFaults]),
		MinorFaultSet: true, MinorFault: uint64(10 * totals.Counters[script.MajorPageFaults]),
	}
}

func netStats(totals script.Totals) stats.DomainStatsNet {
	return stats.DomainStatsNet{
		NameSet: true, Name: "tap0",
		AliasSet: true, Alias: "default",
		RxBytesSet: true, RxBytes: uint64(totals.Counters[script.ReceiveBytes]),
		RxPktsSet: true, RxPkts: uint64(totals.Counters[script.ReceivePackets]),
		RxErrsSet: true, RxDropSet: true,
		TxBytesSet: true, TxBytes: uint64(totals.Counters[script.TransmitBytes]),
		TxPktsSet: true, TxPkts: uint64(totals.Counters[script.TransmitPackets]),
		TxErrsSet: true, TxDropSet: true,
	}
}

func blockStats(totals script.Totals) stats.DomainStatsBlock {
	reads, writes := totals.Counters[script.ReadOperations], totals.Counters[script.WriteOperations]
	return stats.DomainStatsBlock{
		NameSet: true, Name: "vda",
		Alias:     "rootdisk",
		RdReqsSet: true, RdReqs: uint64(reads),
		RdBytesSet: true, RdBytes: uint64(totals.Counters[script.ReadBytes]),
		RdTimesSet: true, RdTimes: uint64(reads * float64(300*time.Microsecond)),
		WrReqsSet: true, WrReqs: uint64(writes),
		WrBytesSet: true, WrBytes: uint64(totals.Counters[script.WriteBytes]),
		WrTimesSet: true, WrTimes: uint64(writes * float64(150*time.Microsecond)),
		FlReqsSet: true, FlTimesSet: true,
	}
}

// filesystems returns what the guest agent would tell: nothing without it.
func filesystems(guest *script.Guest, now time.Time) []kubevirtv1.VirtualMachineInstanceFileSystem {
	if !guest.Script.On(script.Agent) {
		return []kubevirtv1.VirtualMachineInstanceFileSystem{}
	}
	return []kubevirtv1.VirtualMachineInstanceFileSystem{{
		DiskName:       "vda1",
		MountPoint:     "/",
		FileSystemType: "ext4",
		TotalBytes:     filesystemBytes,
		UsedBytes:      int(filesystemBytes * guest.Gauge(script.FilesystemUsedPercent, now) / 100),
	}}
}

func nanoseconds(d time.Duration) uint64 {
	return uint64(d.Nanoseconds())
}
