package series

import "strings"

// Family is a family of series that we read, of virt-handler's response or of the
// guest's own.
type Family uint8

// The families. Seconds, bytes and counts are as in the response.
const (
	VCPUSeconds      Family = iota // Time that a vCPU ran, per vCPU id.
	VCPUDelaySeconds               // Time that a vCPU was runnable and waited for a host CPU, per vCPU id.
	CPUUsageSeconds                // Time of the whole QEMU process; only to detect a wrong unit.
	GuestLoad1m                    // The agent's. The response keeps the last value when the agent goes.
	GuestLoad5m
	GuestLoad15m
	MemoryAvailableBytes  // The guest's MemTotal, by its balloon driver.
	MemoryUsableBytes     // The guest's MemAvailable, by its balloon driver.
	MemoryMajorPageFaults // By the guest's balloon driver.
	NetworkReceiveBytes   // Per interface, as are the next three.
	NetworkTransmitBytes
	NetworkReceivePackets
	NetworkTransmitPackets
	StorageReadBytes // Per drive, as are the next three.
	StorageWriteBytes
	StorageReadOperations
	StorageWriteOperations
	FilesystemCapacityBytes // Per mount point, by the agent.
	FilesystemUsedBytes     // Per mount point, by the agent.
	HTTPRequests            // Of the guest's web server, by its status page.
	HTTPConnections         // Open to the guest's web server, by its status page.
	familyCount
)

type familyInfo struct {
	name   string // Of virt-handler's series, without its prefix, or of a guest's status page.
	device string // The label that distinguishes the series of one VMI, "" where there is one.
	kind   kind
}

type kind uint8

const (
	gauge      kind = iota
	counter         // QEMU's: it only grows while QEMU lives, but for a 0 when libvirt could not read it.
	threadTime      // A counter of QEMU's threads, which /proc has. All that run have some.
	served          // A server's in the guest: it only grows while the server lives.
	claimed         // A counter of the guest's, which may do what it likes.
)

var families = [familyCount]familyInfo{
	VCPUSeconds:             {"vcpu_seconds_total", "id", threadTime},
	VCPUDelaySeconds:        {"vcpu_delay_seconds_total", "id", threadTime},
	CPUUsageSeconds:         {"cpu_usage_seconds_total", "", threadTime},
	GuestLoad1m:             {"guest_load_1m", "", gauge},
	GuestLoad5m:             {"guest_load_5m", "", gauge},
	GuestLoad15m:            {"guest_load_15m", "", gauge},
	MemoryAvailableBytes:    {"memory_available_bytes", "", gauge},
	MemoryUsableBytes:       {"memory_usable_bytes", "", gauge},
	MemoryMajorPageFaults:   {"memory_pgmajfault_total", "", claimed},
	NetworkReceiveBytes:     {"network_receive_bytes_total", "interface", counter},
	NetworkTransmitBytes:    {"network_transmit_bytes_total", "interface", counter},
	NetworkReceivePackets:   {"network_receive_packets_total", "interface", counter},
	NetworkTransmitPackets:  {"network_transmit_packets_total", "interface", counter},
	StorageReadBytes:        {"storage_read_traffic_bytes_total", "drive", counter},
	StorageWriteBytes:       {"storage_write_traffic_bytes_total", "drive", counter},
	StorageReadOperations:   {"storage_iops_read_total", "drive", counter},
	StorageWriteOperations:  {"storage_iops_write_total", "drive", counter},
	FilesystemCapacityBytes: {"filesystem_capacity_bytes", "mount_point", gauge},
	FilesystemUsedBytes:     {"filesystem_used_bytes", "mount_point", gauge},
	HTTPRequests:            {"requests", "", served},
	HTTPConnections:         {"connections", "", gauge},
}

// VirtHandlerPrefix begins the name of each series of virt-handler's response.
const VirtHandlerPrefix = "kubevirt_vmi_"

// VirtHandlerFamilies returns the families of virt-handler's response by the names
// of their series.
func VirtHandlerFamilies() map[string]Family {
	byName := make(map[string]Family, familyCount)
	for f := range familyCount {
		if !f.IsGuestHTTP() {
			byName[f.String()] = f
		}
	}
	return byName
}

// String returns the name of the family's series.
func (f Family) String() string {
	if f.IsGuestHTTP() {
		return families[f].name
	}
	return VirtHandlerPrefix + families[f].name
}

// IsGuestHTTP reports whether the family comes from the guest's status page.
func (f Family) IsGuestHTTP() bool { return f == HTTPRequests || f == HTTPConnections }

// IsCounter reports whether the family's values only grow while QEMU or the
// guest's server lives: one that is lower than before means that another one
// counts.
func (f Family) IsCounter() bool {
	switch families[f].kind {
	case counter, threadTime, served:
		return true
	default:
		return false
	}
}

// ReadsZeroUnread reports whether a 0 of the family can mean no more than that it
// could not be read.
func (f Family) ReadsZeroUnread() bool {
	return families[f].kind == counter || families[f].kind == threadTime
}

// IsThreadTime reports whether the family counts the time of threads.
func (f Family) IsThreadTime() bool { return families[f].kind == threadTime }

// IsNamedByGuest reports whether it is the guest that names the family's devices.
func (f Family) IsNamedByGuest() bool { return f.IsFilesystem() }

// IsFilesystem reports whether the family is of filesystems, whose devices are a
// mount point and a disk: see AppendDisk.
func (f Family) IsFilesystem() bool {
	return f == FilesystemCapacityBytes || f == FilesystemUsedBytes
}

// AppendDisk appends the disk to a device that is a mount point. Two disks may be
// mounted one over the other.
func AppendDisk(mountPoint, disk []byte) []byte {
	if len(disk) == 0 {
		return mountPoint
	}
	return append(append(mountPoint, 0), disk...)
}

// DeviceName returns what users call a device: a filesystem's mount point.
func DeviceName(device string) string {
	name, _, _ := strings.Cut(device, "\x00")
	return name
}

// DeviceLabel returns the label that distinguishes the series of one VMI, "" where
// there is only one.
func (f Family) DeviceLabel() string { return families[f].device }
