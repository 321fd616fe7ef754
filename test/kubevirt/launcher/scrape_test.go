package launcher

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	kubevirtv1 "kubevirt.io/api/core/v1"
	virthandler "kubevirt.io/kubevirt/pkg/monitoring/metrics/virt-handler"
	"kubevirt.io/kubevirt/pkg/monitoring/metrics/virt-handler/handler"
)

// BenchmarkScrapeOfANode measures what a scrape of 50 VMIs costs a node: KubeVirt's
// own collector and handler, and the launchers' side of the conversation, without
// libvirt and QEMU. A scrape takes 1.2 s for the dirty rate, so count the CPU.
func BenchmarkScrapeOfANode(b *testing.B) {
	const vmis = 50
	node := newTestNode(b)
	informer := cache.NewSharedIndexInformer(&cache.ListWatch{}, &kubevirtv1.VirtualMachineInstance{}, 0,
		cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for i := range vmis {
		pod := types.UID(fmt.Sprintf("pod-%d", i))
		vmi := newVMI(map[types.UID]string{pod: "node01"})
		vmi.Name, vmi.UID = fmt.Sprintf("web-%d", i), types.UID(fmt.Sprintf("vmi-%d", i))
		node.observe(vmi)
		if err := informer.GetIndexer().Add(vmi); err != nil {
			b.Fatal(err)
		}
	}
	if err := virthandler.SetupMetrics("node01", 3, informer, nil); err != nil {
		b.Fatal(err)
	}
	metrics := handler.Handler(3)
	before := cpuTime(b)
	for b.Loop() {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Header.Set("Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		metrics.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatalf("HTTP status %d", w.Code)
		}
	}
	b.ReportMetric(float64((cpuTime(b)-before)/time.Millisecond)/float64(b.N), "cpu-ms/op")
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
