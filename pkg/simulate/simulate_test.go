package simulate

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"guest-metrics-server/pkg/hpa"
)

// defaults are the server's flags.
var defaults = Server{
	ScrapeInterval: 15 * time.Second, RateWindow: 30 * time.Second, MaxSampleAge: time.Minute, Warmup: time.Minute, MinKnownFraction: 0.5,
}

// form is a way in which an HPA can ask for a metric.
type form struct {
	name     string
	metric   hpa.Metric // without a target
	selector labels.Selector
	busy     func(Guests) float64 // the metric of a guest that is wholly busy
}

var (
	sum     = labels.SelectorFromSet(labels.Set{"aggregate": "sum"})
	percent = func(Guests) float64 { return 100 }

	// recommended is the form that the documentation recommends.
	recommended = form{
		"Object, sum of percent, AverageValue",
		hpa.Metric{Source: hpa.Object, Name: "guest_cpu_utilization_percent", TargetType: hpa.AverageValue}, sum, percent,
	}

	forms = []form{
		recommended,
		{
			"Object, mean of percent, Value",
			hpa.Metric{Source: hpa.Object, Name: "guest_cpu_utilization_percent", TargetType: hpa.Value}, labels.Everything(), percent,
		},
		{
			"Object, sum of cores, AverageValue",
			hpa.Metric{Source: hpa.Object, Name: "guest_cpu_usage_cores", TargetType: hpa.AverageValue}, sum,
			func(g Guests) float64 { return float64(g.VCPUs) },
		},
		{
			"Object, sum of requests, AverageValue",
			hpa.Metric{Source: hpa.Object, Name: "guest_http_requests_per_second", TargetType: hpa.AverageValue}, sum,
			func(g Guests) float64 { return g.Requests },
		},
		{
			"Pods, percent, AverageValue",
			hpa.Metric{Source: hpa.Pods, Name: "guest_cpu_utilization_percent", TargetType: hpa.AverageValue}, labels.Everything(), percent,
		},
	}
)

// hpa returns an HPA that wants guests to be busy to a fraction of their CPUs.
func (f form) hpa(guests Guests, target float64) HPA {
	f.metric.TargetMilli = milli(target * f.busy(guests))
	return HPA{
		Controller: hpa.ForKubernetes(37),
		Spec:       hpa.Spec{MinReplicas: 1, MaxReplicas: 30, Metrics: []hpa.Metric{f.metric}},
		Selectors:  []labels.Selector{f.selector},
		Replicas:   1,
	}
}

// BenchmarkHour is an hour of a pool of ten VMIs.
func BenchmarkHour(b *testing.B) {
	guests := Guests{VCPUs: 2, MinBoot: 30 * time.Second, MaxBoot: 2 * time.Minute, Requests: 100}
	for _, f := range forms {
		b.Run(f.name, func(b *testing.B) {
			config := Config{
				Duration: time.Hour, Nodes: 3, Demand: func(time.Duration) float64 { return 5 },
				Guests: guests, Server: defaults, HPA: f.hpa(guests, 0.5),
			}
			if f.metric.Name != "guest_http_requests_per_second" {
				config.Guests.Requests = 0
			}
			for b.Loop() {
				Run(config)
			}
		})
	}
}
