package metric

import (
	"testing"
	"time"

	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/series"
)

// BenchmarkRead computes metrics from three samples of a guest with two vCPUs and
// two interfaces.
func BenchmarkRead(b *testing.B) {
	layout := &series.Layout{Keys: []series.Key{
		{Family: series.CPUUsageSeconds},
		{Family: series.NetworkReceiveBytes, Device: "default"},
		{Family: series.NetworkReceiveBytes, Device: "storage"},
		{Family: series.VCPUDelaySeconds, Device: "0"},
		{Family: series.VCPUDelaySeconds, Device: "1"},
		{Family: series.VCPUSeconds, Device: "0"},
		{Family: series.VCPUSeconds, Device: "1"},
	}}
	st := history.NewStore(30 * time.Second)
	start := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for n := range 3 {
		values := make([]float64, len(layout.Keys))
		for i := range values {
			values[i] = float64(100 + 10*n)
		}
		st.Append("uid", "n1", history.Sample{At: start.Add(time.Duration(n) * 15 * time.Second), Layout: layout, Values: values})
	}
	for _, name := range []string{"guest_cpu_utilization_percent", "guest_cpu_demand_percent", "guest_network_receive_bytes_per_second"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			m := Lookup(name)
			for b.Loop() {
				w, _ := st.Window("uid")
				if _, err := m.Read(w, Every); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
