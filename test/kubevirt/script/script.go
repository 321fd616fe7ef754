// Package script holds what a scripted guest does: a VMI's annotations come in,
// the counters and gauges of such a guest at a point in time go out. It must not
// know how they are reported.
package script

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Prefix is what the annotations of a scripted guest begin with.
const Prefix = "script.guestmetrics.io/"

// Name is an annotation's name without Prefix.
type Name string

// Switches. Each is "true" or "false".
const (
	Ready  Name = "ready"  // whether the guest passes its readiness probe
	Paused Name = "paused" // whether its vCPUs are stopped
	Agent  Name = "agent"  // whether the guest agent is connected

	// StatsCache is whether the launcher caches the guest's statistics, as real
	// ones do. Only without can a test see what all else does to a value. It is
	// read when the launcher starts.
	StatsCache Name = "stats-cache"

	// Scripted is whether there is a scripted guest at all. A VMI without one has
	// a real guest, whose launcher runs elsewhere.
	Scripted Name = "scripted"
)

// Numbers that do not add up over time.
const (
	CPUPercent       Name = "cpu-percent"        // demand, as a share of all vCPUs
	HostSharePercent Name = "host-share-percent" // the share of a host CPU that each vCPU can get
	BootSeconds      Name = "boot-seconds"       // how long a new launcher is under boot load
	BootCPUPercent   Name = "boot-cpu-percent"   // demand during that time

	StatsMilliseconds Name = "stats-milliseconds" // how long libvirt takes to answer with the guest's statistics

	Load1m                Name = "load-1m"
	Load5m                Name = "load-5m"
	Load15m               Name = "load-15m"
	MemoryUsedPercent     Name = "memory-used-percent"
	FilesystemUsedPercent Name = "filesystem-used-percent"
)

// Rates. Their integrals over time are counters.
const (
	ReceiveBytes    Name = "network-receive-bytes-per-second"
	ReceivePackets  Name = "network-receive-packets-per-second"
	TransmitBytes   Name = "network-transmit-bytes-per-second"
	TransmitPackets Name = "network-transmit-packets-per-second"
	ReadBytes       Name = "storage-read-bytes-per-second"
	ReadOperations  Name = "storage-read-operations-per-second"
	WriteBytes      Name = "storage-write-bytes-per-second"
	WriteOperations Name = "storage-write-operations-per-second"
	MajorPageFaults Name = "memory-major-page-faults-per-second"
)

var switches = map[Name]bool{Ready: true, Paused: false, Agent: true, StatsCache: true, Scripted: true}

type number struct{ byDefault, max float64 }

// numbers has every numeric annotation, with the value of a guest whose script
// does not mention it. An annotation cannot be negative.
var numbers = map[Name]number{
	CPUPercent:       {0, 100},
	HostSharePercent: {100, 100},
	BootSeconds:      {0, 86400},
	BootCPUPercent:   {0, 100},

	StatsMilliseconds: {0, 10_000},

	// Negative: a guest's load follows its CPU demand unless scripted.
	Load1m:                {-1, math.MaxFloat64},
	Load5m:                {-1, math.MaxFloat64},
	Load15m:               {-1, math.MaxFloat64},
	MemoryUsedPercent:     {30, 100},
	FilesystemUsedPercent: {40, 100},

	ShapeLowPercent:    {100, 100},
	ShapeStart:         {0, 1 << 32},
	ShapeRiseSeconds:   {0, 86400},
	ShapePeriodSeconds: {0, 86400},

	ReceiveBytes:    {1024, math.MaxFloat64},
	ReceivePackets:  {8, math.MaxFloat64},
	TransmitBytes:   {2048, math.MaxFloat64},
	TransmitPackets: {8, math.MaxFloat64},
	ReadBytes:       {0, math.MaxFloat64},
	ReadOperations:  {0, math.MaxFloat64},
	WriteBytes:      {4096, math.MaxFloat64},
	WriteOperations: {1, math.MaxFloat64},
	MajorPageFaults: {0, math.MaxFloat64},
}

var rates = []Name{
	ReceiveBytes, ReceivePackets, TransmitBytes, TransmitPackets,
	ReadBytes, ReadOperations, WriteBytes, WriteOperations, MajorPageFaults,
}

// Script is what a guest does from one moment on, until another Script takes
// over. The zero Script is an idle guest.
type Script struct {
	Switches map[Name]bool
	Numbers  map[Name]float64
}

// Parse reads the annotations that begin with Prefix and ignores all others. On
// an error the Script is still usable: it lacks only what could not be read.
func Parse(annotations map[string]string) (Script, error) {
	s := Script{Switches: map[Name]bool{}, Numbers: map[Name]float64{}}
	var errs []error
	for key, text := range annotations {
		if len(key) <= len(Prefix) || key[:len(Prefix)] != Prefix {
			continue
		}
		if err := s.set(Name(key[len(Prefix):]), text); err != nil {
			errs = append(errs, fmt.Errorf("annotation %s: %q: %w", key, text, err))
		}
	}
	return s, errors.Join(errs...)
}

func (s Script) set(name Name, text string) error {
	if _, ok := switches[name]; ok {
		value, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("must be true or false")
		}
		s.Switches[name] = value
		return nil
	}
	limit, ok := numbers[name]
	if !ok {
		return errors.New("no such script annotation")
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(value) || value < 0 || value > limit.max {
		return fmt.Errorf("must be a number from 0 to %g", limit.max)
	}
	s.Numbers[name] = value
	return nil
}

// On returns whether a switch is on.
func (s Script) On(name Name) bool {
	if on, ok := s.Switches[name]; ok {
		return on
	}
	return switches[name]
}

// Number returns a number's value.
func (s Script) Number(name Name) float64 {
	if value, ok := s.Numbers[name]; ok {
		return value
	}
	return numbers[name].byDefault
}

func (s Script) boot() time.Duration {
	return time.Duration(s.Number(BootSeconds) * float64(time.Second))
}
