package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/url"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"

	"guest-metrics-server/test/fleet/world"
)

// hpaAccept is what kube-controller-manager's clients accept.
const hpaAccept = "application/vnd.kubernetes.protobuf, */*"

// querySizes are the pools that are asked for.
var querySizes = []int{10, 100, 1000}

// answers is what came of queries.
type answers struct {
	latencies map[int][]time.Duration // By the size of the pool.
	ages      []time.Duration
	missing   int     // VMIs without a value.
	worst     float64 // How far the worst value is from the guest's load, as a fraction.
	far       int     // Values more than 5 % from it.
}

// query asks for pools of each size in turn. Ages and values are those of VMIs
// that the filter takes.
func (b *bench) query(ctx context.Context, f *fleet, s *server, counts func(world.VMI) bool) (answers, error) {
	a := answers{latencies: make(map[int][]time.Duration)}
	pools := make(map[int][]pool)
	first := 0
	for _, p := range f.Pools() {
		pools[p.Size] = append(pools[p.Size], pool{p, first})
		first += p.Size
	}
	deadline := time.Now().Add(b.queryTime)
	for turn := 0; time.Now().Before(deadline); turn++ {
		for _, size := range querySizes {
			if len(pools[size]) == 0 {
				continue
			}
			if err := a.ask(ctx, f, s, pools[size][turn%len(pools[size])], counts); err != nil {
				return a, err
			}
		}
		select {
		case <-ctx.Done():
			return a, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return a, f.check()
}

// pool is a pool with the index of its first VMI.
type pool struct {
	world.Pool
	first int
}

func (a *answers) ask(ctx context.Context, f *fleet, s *server, p pool, counts func(world.VMI) bool) error {
	path := fmt.Sprintf("/apis/custom.metrics.k8s.io/v1beta2/namespaces/%s/pods/*/guest_cpu_utilization_percent?labelSelector=%s",
		world.NamespaceName(p.Namespace), url.QueryEscape("app="+world.PoolName(p.Index)))
	start := time.Now()
	body, contentType, err := s.get(ctx, path, hpaAccept)
	if err != nil {
		return err
	}
	now := time.Now()
	a.latencies[p.Size] = append(a.latencies[p.Size], now.Sub(start))
	list, err := decodeAnswer(body, contentType)
	if err != nil {
		return err
	}
	items := make(map[string]v1beta2.MetricValue, len(list.Items))
	for _, item := range list.Items {
		items[item.DescribedObject.Name] = item
	}
	for i := range p.Size {
		v := f.VMI(p.first + i)
		if !counts(v) {
			continue
		}
		item, ok := items["virt-launcher-"+v.Name()+"-x7k2p"]
		if !ok {
			a.missing++
			continue
		}
		a.ages = append(a.ages, now.Sub(item.Timestamp.Time))
		off := math.Abs(item.Value.AsApproximateFloat64()/v.Utilization() - 1)
		a.worst = max(a.worst, off)
		if off > 0.05 {
			a.far++
		}
	}
	return nil
}

// pageForms are the forms in which vmimetrics is read: by programs, and by kubectl.
var pageForms = map[string]string{
	"JSON":  "application/json",
	"table": "application/json;as=Table;v=v1;g=meta.k8s.io",
}

// readPages reads the first 500 VMIs of the cluster, as often as gives a median.
func readPages(ctx context.Context, s *server) (map[string][]time.Duration, error) {
	latencies := make(map[string][]time.Duration)
	for range 30 {
		for form, accept := range pageForms {
			start := time.Now()
			if _, _, err := s.get(ctx, "/apis/guestmetrics.io/v1alpha1/vmimetrics?limit=500", accept); err != nil {
				return nil, err
			}
			latencies[form] = append(latencies[form], time.Since(start))
		}
	}
	return latencies, nil
}

func decodeAnswer(body []byte, contentType string) (*v1beta2.MetricValueList, error) {
	envelope, ok := bytes.CutPrefix(body, []byte("k8s\x00"))
	if !ok {
		return nil, fmt.Errorf("the answer is %s, not protobuf", contentType)
	}
	var unknown runtime.Unknown
	if err := unknown.Unmarshal(envelope); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	list := &v1beta2.MetricValueList{}
	if err := list.Unmarshal(unknown.Raw); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return list, nil
}

// percentile returns the smallest value that p percent of the values do not exceed.
func percentile(values []time.Duration, p float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(math.Ceil(p/100*float64(len(sorted))))-1)]
}
