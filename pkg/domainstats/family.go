package domainstats

// Family is a family of series of virt-handler's page that we read. The page's
// prefix kubevirt_vmi_ is left out of the names here.
type Family uint8

// The families. Seconds, bytes and counts are as on the page.
const (
	VCPUSeconds      Family = iota // Time that a vCPU ran, per vCPU id.
	VCPUDelaySeconds               // Time that a vCPU was runnable and waited for a host CPU, per vCPU id.
	CPUUsageSeconds                // Time of the whole QEMU process; only to recognise a wrong unit.
	familyCount
)

// A familyInfo tells how a family stands on the page.
type familyInfo struct {
	series   string // Without the prefix.
	instance string // The label that tells the series of one VMI apart, "" where there is one.
	counter  bool
}

var families = [familyCount]familyInfo{
	VCPUSeconds:      {series: "vcpu_seconds_total", instance: "id", counter: true},
	VCPUDelaySeconds: {series: "vcpu_delay_seconds_total", instance: "id", counter: true},
	CPUUsageSeconds:  {series: "cpu_usage_seconds_total", counter: true},
}

const prefix = "kubevirt_vmi_"

var familyOf = func() map[string]Family {
	byName := make(map[string]Family, familyCount)
	for f, info := range families {
		byName[prefix+info.series] = Family(f)
	}
	return byName
}()

// String returns the name of the family's series on the page.
func (f Family) String() string { return prefix + families[f].series }

// IsCounter tells whether the family's values only grow while QEMU lives.
func (f Family) IsCounter() bool { return families[f].counter }
