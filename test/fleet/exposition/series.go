package exposition

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"guest-metrics-server/test/fleet/world"
)

// templateSeconds is the time between the template's two moments.
const templateSeconds = 15

// family is the metadata of a family and its series for one VMI.
type family struct {
	header string // HELP and TYPE.
	series []*series
}

// series is one line of the template's guest.
type series struct {
	number uint64  // Unique in the template.
	head   string  // Up to the value.
	moving *moving // The value, if it changes over time.
	tail   string  // After that.
}

// moving says how a value changes over time.
type moving struct {
	start, spread float64 // The first value is between start and start+spread,
	together      bool    // at the same place for all such series of a VMI.
	perSecond     float64 // At load 1. Zero for a gauge.
	perUnit       float64 // The resolution: so many values are told apart within 1.
}

// readFamilies reads the series of one guest at two moments.
func readFamilies(first, second []byte, guest string) ([]family, error) {
	after, err := values(second, guest)
	if err != nil {
		return nil, err
	}
	var families []family
	number := uint64(0)
	for line := range strings.Lines(string(first)) {
		switch {
		case strings.HasPrefix(line, "# HELP"):
			families = append(families, family{header: line})
		case strings.HasPrefix(line, "#"):
			families[len(families)-1].header += line
		case strings.Contains(line, `name="`+guest+`"`):
			key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "} ")
			s, err := newSeries(key, value, after[key])
			if err != nil {
				return nil, err
			}
			number++
			s.number = number
			f := &families[len(families)-1]
			f.series = append(f.series, s)
		}
	}
	families = slices.DeleteFunc(families, func(f family) bool { return len(f.series) == 0 })
	if len(families) == 0 {
		return nil, fmt.Errorf("the template has no series of the guest %s", guest)
	}
	return families, nil
}

func values(text []byte, guest string) (map[string]string, error) {
	all := make(map[string]string)
	for line := range bytes.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), "} ")
		if ok && strings.Contains(key, `name="`+guest+`"`) {
			all[key] = value
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("the template's second moment has no series of the guest %s", guest)
	}
	return all, nil
}

// wandering are gauges that never stand still on a real guest.
var wandering = []string{
	"kubevirt_vmi_memory_usable_bytes",
	"kubevirt_vmi_memory_unused_bytes",
	"kubevirt_vmi_memory_cached_bytes",
	"kubevirt_vmi_memory_resident_bytes",
}

func newSeries(key, before, after string) (*series, error) {
	v1, err1 := strconv.ParseFloat(before, 64)
	v2, err2 := strconv.ParseFloat(after, 64)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("read the template's %s: %w", key, err)
	}
	name, _, _ := strings.Cut(key, "{")
	s := &series{head: key + "} ", tail: "\n"}
	switch {
	case v1 != v2:
		s.moving = newCounter(name, v1, (v2-v1)/templateSeconds)
	case slices.Contains(wandering, name):
		s.moving = &moving{start: v1, spread: 0.1 * v1, perUnit: 1}
	default:
		s.tail = before + "\n"
	}
	return s, nil
}

// newCounter returns a counter with as many digits as that of a guest that has
// run for days: seconds in libvirt's resolution, all else as whole numbers.
func newCounter(name string, value, perSecond float64) *moving {
	if strings.Contains(name, "_vcpu_seconds") || strings.Contains(name, "_cpu_") {
		// The process has used at least what its vCPUs have.
		const aged = 300
		return &moving{start: aged * value, spread: 0.5 * aged * value, together: true, perSecond: perSecond, perUnit: 100}
	}
	start, perUnit := 1e3, 1e9
	if !strings.HasSuffix(name, "_seconds_total") {
		start, perUnit = math.Pow10(max(7, 1+int(math.Log10(value)))), 1
	}
	return &moving{start: start, spread: 6 * start, perSecond: perSecond, perUnit: perUnit}
}

// at returns the value of a VMI's series at a time after the start.
func (m *moving) at(v world.VMI, series uint64, seconds float64) float64 {
	seed := series<<32 + uint64(v.Index)
	if m.together {
		seed = uint64(v.Index)
	}
	value := m.start
	if m.perSecond == 0 {
		value += m.spread * world.Fraction(seed+uint64(seconds))
	} else {
		value += m.spread*world.Fraction(seed) + m.perSecond*v.Load()*seconds
	}
	return math.Floor(value*m.perUnit) / m.perUnit
}
