package main

import (
	"context"
	"fmt"

	"guest-metrics-server/test/workload"
)

const (
	cpuPool = "fedora-nginx"
	work    = 1.7 // Cores: 85 % of the two guests that the pool starts with.
)

// scriptedCPU is the work of scripted guests, in cores.
type scriptedCPU struct{ *workload.Workload }

func (l scriptedCPU) Guests(ctx context.Context) ([]guest, error) {
	vmis, err := l.Workload.Guests(ctx)
	if err != nil {
		return nil, err
	}
	var guests []guest
	for _, vmi := range vmis {
		guests = append(guests, guest{name: vmi.Name, node: vmi.Node, does: vmi.Percent})
	}
	return guests, nil
}

// scaleOnCPU plays the first act, and returns its metric. Its load ends with it,
// so that the guests are free for whoever wants to try.
func (d *demo) scaleOnCPU(ctx context.Context) (metric string, err error) {
	load, err := workload.New(d.cluster.RESTConfig(), namespace, selectorOf(cpuPool))
	if err != nil {
		return "", err
	}
	defer d.start(ctx, load.Run)()
	a := act{
		title:    "act 1: the stock HPA scales a VirtualMachinePool on guest CPU",
		truth:    "Real: the HPA, virt-controller, KubeVirt's exporter. Not real: the VMs, whose CPU time is scripted.",
		manifest: "test/demo",
		pool:     cpuPool,
		metric:   "guest_cpu_utilization_percent",
		unit:     "%",
		full:     100,
		load:     scriptedCPU{load},
		steps: []step{
			{"1/3 the guests boot and warm up, without work", 0, observation.started},
			{fmt.Sprintf("2/3 %.1f cores' worth of work: more than the target for two guests", work), work, observation.grown},
			{"3/3 the work is gone", 0, observation.shrunk},
		},
	}
	return a.metric, d.play(ctx, a)
}
