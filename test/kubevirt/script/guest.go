package script

import (
	"math"
	"time"
)

// Totals are a guest's counters since its launcher started.
type Totals struct {
	VCPU     time.Duration // run time of each vCPU
	Delay    time.Duration // time each vCPU waited for a host CPU
	Emulator time.Duration // run time of the rest of the QEMU process
	Counters map[Name]float64
}

// emulatorShare is QEMU's own load outside of the vCPUs, as a share of one host
// CPU: a few points, as measured on real guests.
const emulatorShare = 0.03

// Guest integrates scripts over time. At answers the exact integral whenever it
// is asked, so there is no tick whose error a test would have to allow for.
//
// A Guest is a plain value that can be stored and restored, which lets it
// outlive the process that reports it, as a launcher outlives virt-handler.
type Guest struct {
	VCPUs   int
	Started time.Time

	Script Script    // followed since Since
	Since  time.Time // when Totals were valid
	Totals Totals
}

// NewGuest returns a guest of the given number of vCPUs that starts now.
func NewGuest(vcpus int, s Script, now time.Time) *Guest {
	return &Guest{VCPUs: vcpus, Started: now, Script: s, Since: now}
}

// Follow makes s the guest's script from now on.
func (g *Guest) Follow(s Script, now time.Time) {
	g.Totals = g.At(now)
	g.Since = now
	g.Script = s
}

// At returns the totals at a time that is not before the last Follow.
func (g *Guest) At(now time.Time) Totals {
	t := g.Totals
	t.Counters = make(map[Name]float64, len(rates))
	for _, name := range rates {
		t.Counters[name] = g.Totals.Counters[name]
	}
	if g.Script.On(Paused) || now.Before(g.Since) {
		return t
	}
	bootEnd := g.Started.Add(g.Script.boot())
	if bootEnd.After(now) {
		bootEnd = now
	}
	if bootEnd.After(g.Since) {
		g.run(&t, g.Script.Number(BootCPUPercent), g.Script.work(g.Since, bootEnd))
		g.run(&t, g.Script.Number(CPUPercent), g.Script.work(bootEnd, now))
	} else {
		g.run(&t, g.Script.Number(CPUPercent), g.Script.work(g.Since, now))
	}
	work := g.Script.work(g.Since, now)
	t.Emulator += share(work, emulatorShare)
	for _, name := range rates {
		t.Counters[name] += g.Script.Number(name) * work.Seconds()
	}
	return t
}

// run adds a stretch of constant demand. What the host does not grant of it is
// delay: the vCPU is runnable all the time that the guest has work for it.
func (g *Guest) run(t *Totals, demandPercent float64, work time.Duration) {
	granted := math.Min(demandPercent, g.Script.Number(HostSharePercent))
	t.VCPU += share(work, granted/100)
	t.Delay += share(work, (demandPercent-granted)/100)
}

// Gauge returns the value at a time of a number that does not add up over time.
func (g *Guest) Gauge(name Name, now time.Time) float64 {
	value := g.Script.Number(name)
	if value < 0 { // A load average that is not scripted is the demand in vCPUs.
		value = g.Script.Number(CPUPercent) / 100 * float64(g.VCPUs)
	}
	return value * g.Script.Factor(now)
}

func share(d time.Duration, share float64) time.Duration {
	return time.Duration(math.Round(float64(d) * share))
}
