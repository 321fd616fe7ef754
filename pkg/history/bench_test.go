package history

import (
	"fmt"
	"testing"
	"time"

	"guest-metrics-server/pkg/series"
)

// benchLayout is that of a guest with two vCPUs, a disk, an interface and an agent.
var benchLayout = func() *series.Layout {
	layout := &series.Layout{}
	add := func(family series.Family, devices ...string) {
		for _, device := range devices {
			layout.Keys = append(layout.Keys, series.Key{Family: family, Device: device})
		}
	}
	add(series.CPUUsageSeconds, "")
	add(series.FilesystemCapacityBytes, "/")
	add(series.FilesystemUsedBytes, "/")
	add(series.MemoryAvailableBytes, "")
	add(series.MemoryMajorPageFaults, "")
	add(series.MemoryUsableBytes, "")
	add(series.NetworkReceiveBytes, "default")
	add(series.NetworkReceivePackets, "default")
	add(series.NetworkTransmitBytes, "default")
	add(series.NetworkTransmitPackets, "default")
	add(series.StorageReadOperations, "rootdisk")
	add(series.StorageWriteOperations, "rootdisk")
	add(series.StorageReadBytes, "rootdisk")
	add(series.StorageWriteBytes, "rootdisk")
	add(series.VCPUDelaySeconds, "0", "1")
	add(series.VCPUSeconds, "0", "1")
	return layout
}()

func benchSample(n int) Sample {
	s := Sample{At: start.Add(time.Duration(n) * 15 * time.Second), Layout: benchLayout, Values: make([]float64, len(benchLayout.Keys))}
	for i := range s.Values {
		s.Values[i] = float64(100 + n)
	}
	return s
}

// BenchmarkAppend adds a sample to each of 1,000 VMIs in turn.
func BenchmarkAppend(b *testing.B) {
	const vmis = 1000
	st := NewStore(30 * time.Second)
	uids := make([]string, vmis)
	for i := range uids {
		uids[i] = fmt.Sprintf("uid-%d", i)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		st.Append(uids[n%vmis], "n1", benchSample(n/vmis))
	}
}
