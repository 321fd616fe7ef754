package page

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

// Bytes from here on stand for a character of a name that is to be filled in.
const (
	vmiByte  = 0x80 // One of vmiChars characters: namespace, pool, ordinal.
	nodeByte = 0xa0 // One of nodeChars characters.

	namespaceChars, poolChars, ordinalChars = 3, 5, 4

	vmiChars  = namespaceChars + poolChars + ordinalChars
	nodeChars = 5
)

// family is the metadata of a family and its series for one VMI.
type family struct {
	header string // HELP and TYPE.
	series []series
}

// series is one line of a VMI, without its value.
type series struct {
	head string // Up to the value, names as bytes from vmiByte on.

	still  string  // The value of a series that does not move.
	moving *moving // Of one that does.
}

// moving says how a value moves and is written: as digits, with a point after
// the first few of them, and an exponent. All three have a fixed length.
type moving struct {
	digits, point int
	exponent      string
	resolution    float64 // What the last digit stands for.

	start, spread float64 // The first value is between start and start+spread,
	together      bool    // at the same place for all such series of a VMI.
	perSecond     float64 // At load 1. Zero for a gauge.
}

// readFamilies reads the series of one guest from two pages.
func readFamilies(first, second []byte, guest string) ([]family, error) {
	after, err := values(second, guest)
	if err != nil {
		return nil, err
	}
	var families []family
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

func values(page []byte, guest string) (map[string]string, error) {
	all := make(map[string]string)
	for line := range bytes.Lines(page) {
		key, value, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), "} ")
		if ok && strings.Contains(key, `name="`+guest+`"`) {
			all[key] = value
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("the template's second page has no series of the guest %s", guest)
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

func newSeries(key, before, after string) (series, error) {
	v1, err1 := strconv.ParseFloat(before, 64)
	v2, err2 := strconv.ParseFloat(after, 64)
	if err := errors.Join(err1, err2); err != nil {
		return series{}, fmt.Errorf("read the template's %s: %w", key, err)
	}
	name, _, _ := strings.Cut(key, "{")
	s := series{head: placeNames(key + "} ")}
	switch {
	case v1 != v2:
		s.moving = newCounter(name, v1, (v2-v1)/templateSeconds)
	case slices.Contains(wandering, name):
		s.moving = newGauge(v1)
	default:
		s.still = before
	}
	return s, nil
}

// newCounter shapes a counter as that of a guest that has run for days: seconds
// in libvirt's resolution, all else as whole numbers.
func newCounter(name string, value, perSecond float64) *moving {
	m := &moving{perSecond: perSecond}
	switch {
	case strings.Contains(name, "_vcpu_seconds"), strings.Contains(name, "_cpu_"):
		m.shape(5, 0.01)
		// The process has used at least what its vCPUs have.
		const aged = 300
		m.start, m.spread, m.together = aged*value, 0.5*aged*value, true
	case strings.HasSuffix(name, "_seconds_total"):
		m.shape(3, 1e-9)
	default:
		m.shape(max(7, 1+int(math.Log10(value))), 1)
	}
	return m
}

func newGauge(value float64) *moving {
	m := &moving{}
	m.shape(int(math.Log10(value)), 1)
	m.start, m.spread = value, 0.1*value
	return m
}

// shape sets the format of values of a magnitude, as strconv's shortest 'g'
// format writes them, and lets them start well below the next one.
func (m *moving) shape(magnitude int, resolution float64) {
	m.digits = magnitude + 1 + int(math.Round(-math.Log10(resolution)))
	m.resolution = resolution
	m.point = magnitude + 1
	if magnitude >= 6 {
		m.point = 1
		m.exponent = fmt.Sprintf("e+%02d", magnitude)
	}
	m.start = math.Pow10(magnitude)
	m.spread = 6 * m.start
}

// width is how many characters the digits and the point take.
func (m *moving) width() int { return m.digits + 1 }

// write writes the digits and the point of the value at a time after the start.
func (m *moving) write(to []byte, v world.VMI, seed uint64, seconds float64) {
	var value float64
	if m.together {
		seed = uint64(v.Index)
	}
	if m.perSecond == 0 {
		value = m.start + m.spread*world.Fraction(seed+uint64(seconds))
	} else {
		value = m.start + m.spread*world.Fraction(seed) + m.perSecond*v.Load()*seconds
	}
	ticks := uint64(value / m.resolution)
	for i := m.digits; i >= 0; i-- {
		if i == m.point {
			to[i] = '.'
			continue
		}
		to[i] = '0' + byte(ticks%10)
		ticks /= 10
	}
}

// placeNames puts the bytes for names where the template has those of its guest.
func placeNames(line string) string {
	ordinal := chars(vmiByte+namespaceChars+poolChars, ordinalChars)
	pool := "web-" + chars(vmiByte+namespaceChars, poolChars)
	node := "node-" + chars(nodeByte, nodeChars)
	return strings.NewReplacer(
		`_nodeName="n1"`, `_nodeName="`+node+`"`,
		`node="n1"`, `node="`+node+`"`,
		`_app="web"`, `_app="`+pool+`"`,
		`_vmpool="web"`, `_vmpool="`+pool+`",kubernetes_vmi_label_tier="web"`,
		`"web-0"`, `"`+pool+"-"+ordinal+`"`,
		`namespace="default"`, `namespace="tenant-`+chars(vmiByte, namespaceChars)+`"`,
	).Replace(line)
}

func chars(first, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(first + i)
	}
	return string(b)
}

// vmiNames are the characters that stand at vmiByte and after.
func vmiNames(v world.VMI) string {
	return fmt.Sprintf("%0*d%0*d%0*d", namespaceChars, v.Namespace, poolChars, v.Pool, ordinalChars, v.Ordinal)
}

func nodeName(node int) string { return fmt.Sprintf("%0*d", nodeChars, node) }
