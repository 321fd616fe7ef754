package hpa

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkSync is one sync of an HPA of 20 pods, as a simulation makes one every
// 15 seconds of virtual time.
func BenchmarkSync(b *testing.B) {
	units := map[string]int64{}
	var pods []Pod
	for i := range 20 {
		name := fmt.Sprint(i)
		units[name] = int64(40 + i)
		pods = append(pods, pod(name, Running))
	}
	for name, bench := range map[string]struct {
		metric  Metric
		reading Reading
	}{
		"pods":   {podsOf50, values(units)},
		"object": {sumOf50, Reading{ValuesMilli: []int64{990_000}}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			controller := ForKubernetes(37)
			spec := Spec{MinReplicas: 1, MaxReplicas: 100, Metrics: []Metric{bench.metric}}
			state := State{Now: now, SpecReplicas: 20, StatusReplicas: 20, Pods: pods, Readings: []Reading{bench.reading}}
			var memory Memory
			for b.Loop() {
				state.Now = state.Now.Add(15 * time.Second)
				controller.Sync(spec, state, &memory)
			}
		})
	}
}
