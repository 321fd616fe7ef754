package evaluate_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// guest is what happens in a VMI, under the VMI's name.
type guest struct {
	vcpus   []float64 // Seconds that each ran.
	delay   []float64 // Seconds that each waited.
	busy    []float64 // 0-1, from now on, of each vCPU; the last is of all others too.
	waiting float64   // 0-1, from now on.

	hangs          bool   // Its launcher does not answer: the response lacks it.
	labels         int    // How many short labels its VMI has.
	mountPoints    int    // How many filesystems it reports.
	unread, absent string // What begins the series that read 0, or are not there; "" for none.

	server *server            // Its web server, nil without one.
	series map[string]*series // Others than of vCPUs, as in the response without prefix and VMI.
}

// series is a gauge, or a counter with a rate.
type series struct{ value, perSecond float64 }

// guest changes what a guest does; the keys are vcpus, busy (in percent, of each
// vCPU: 100,0) and waiting (in percent of the vCPUs), hangs, seconds (what each vCPU has run for), and how many
// labels and mountpoints there are.
func (w *world) guest(name string, options map[string]string) error {
	g := w.guests[name]
	if g == nil {
		g = &guest{vcpus: []float64{100}, delay: []float64{10}, busy: []float64{0}}
		w.guests[name] = g
	}
	for _, key := range slices.Sorted(maps.Keys(options)) {
		if key == "hangs" {
			g.hangs = options[key] == "true"
			continue
		}
		if key == "busy" {
			g.busy = nil
			for _, percent := range strings.Split(options[key], ",") {
				number, err := strconv.ParseFloat(percent, 64)
				if err != nil {
					return err
				}
				g.busy = append(g.busy, number/100)
			}
			continue
		}
		number, err := strconv.ParseFloat(options[key], 64)
		if err != nil {
			return err
		}
		switch key {
		case "vcpus":
			for len(g.vcpus) < int(number) {
				g.vcpus, g.delay = append(g.vcpus, 100), append(g.delay, 10)
			}
			g.vcpus, g.delay = g.vcpus[:int(number)], g.delay[:int(number)]
		case "waiting":
			g.waiting = number / 100
		case "labels":
			g.labels = int(number)
		case "mountpoints":
			g.mountPoints = int(number)
		case "seconds":
			for i := range g.vcpus {
				g.vcpus[i], g.delay[i] = number, 0
			}
		default:
			return fmt.Errorf("unknown key %s", key)
		}
	}
	return nil
}

func (w *world) series(fields []string) error {
	g := w.guests[fields[1]]
	if g == nil {
		return errors.New("no such guest")
	}
	if g.series == nil {
		g.series = make(map[string]*series)
	}
	switch fields[0] {
	case "none":
		delete(g.series, fields[2])
		return nil
	case "unread":
		g.unread = strings.Join(fields[2:], "")
		return nil
	case "absent":
		g.absent = strings.Join(fields[2:], "")
		return nil
	}
	number, err := strconv.ParseFloat(fields[3], 64)
	if err != nil {
		return err
	}
	s := g.series[fields[2]]
	if s == nil {
		s = &series{}
		g.series[fields[2]] = s
	}
	if fields[0] == "rate" {
		s.perSecond = number
	} else {
		s.value = number
	}
	return nil
}

func (w *world) node(name string) *node {
	if w.nodes[name] == nil {
		w.nodes[name] = &node{decode: w.feed.NodeDecoder(name)}
	}
	return w.nodes[name]
}

// pass lets time pass in steps of the scrape interval.
func (w *world) pass(d time.Duration, scrapes bool) {
	for d > 0 {
		step := min(d, scrapeInterval)
		d -= step
		w.now = w.now.Add(step)
		for name, g := range w.guests {
			if w.vmis[name].Paused {
				continue
			}
			for i := range g.vcpus {
				g.vcpus[i] += g.busy[min(i, len(g.busy)-1)] * step.Seconds()
				g.delay[i] += g.waiting * step.Seconds()
			}
			for _, s := range g.series {
				s.value += s.perSecond * step.Seconds()
			}
			if g.server != nil {
				g.server.requests += g.server.perSecond * step.Seconds()
			}
		}
		if !scrapes {
			continue
		}
		for name, n := range w.nodes {
			if n.status.Err == nil {
				w.scrape(name, w.response(name))
			}
		}
		w.readGuests()
	}
}

// response is what a node's virt-handler says of the guests on it.
func (w *world) response(node string) string {
	var lines []string
	for name, g := range w.guests {
		if w.vmis[name].Node != node || g.hangs {
			continue
		}
		var labels strings.Builder
		for i := range g.labels {
			fmt.Fprintf(&labels, "kubernetes_vmi_label_%05d=\"v\",", i)
		}
		line := func(family, own string, value float64) {
			switch begins := func(with string) bool { return with != "" && strings.HasPrefix(family+"{"+own, with) }; {
			case begins(g.absent):
				return
			case begins(g.unread):
				value = 0
			}
			lines = append(lines, fmt.Sprintf("kubevirt_vmi_%s{%s%sname=%q,namespace=%q} %g\n", family, own, &labels, name, defaultNamespace, value))
		}
		for i := range g.vcpus {
			line("vcpu_seconds_total", fmt.Sprintf("id=\"%d\",state=\"running\",", i), g.vcpus[i])
			line("vcpu_delay_seconds_total", fmt.Sprintf("id=\"%d\",", i), g.delay[i])
		}
		for i := range g.mountPoints {
			line("filesystem_capacity_bytes", fmt.Sprintf("mount_point=\"/%d\",", i), 1000)
			line("filesystem_used_bytes", fmt.Sprintf("mount_point=\"/%d\",", i), 1000)
		}
		for text, s := range g.series {
			family, own, _ := strings.Cut(strings.TrimSuffix(text, "}"), "{")
			if own != "" {
				own += ","
			}
			line(family, own, s.value)
		}
	}
	slices.Sort(lines) // Those of a family follow each other.
	return strings.Join(lines, "")
}
