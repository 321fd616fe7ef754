package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// report is everything that was measured.
type report struct {
	results []*result
	peers   []*peerResult
}

// markdown writes the report as tables.
func (r *report) markdown(o options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured by `make bench` on %s, %d cores (%s), %d VMIs on a node, every %s.\n\n",
		runtime.GOARCH, runtime.NumCPU(), cpuModel(), o.perNode, o.interval)
	r.fleets(&b)
	r.hanging(&b, o)
	r.prometheus(&b)
	return b.String()
}

func (r *report) fleets(b *strings.Builder) {
	rows := []struct {
		name string
		cell func(*result) string
	}{
		{"nodes", func(r *result) string { return fmt.Sprint(r.nodes) }},
		{"start to ready", func(r *result) string { return seconds(r.ready) }},
		{"CPU until ready", func(r *result) string { return seconds(r.startCPU) }},
		{"peak RSS until ready", func(r *result) string { return mebibytes(float64(r.peakBytes)) }},
		{"CPU per scrape round", func(r *result) string { return seconds(r.cpuPerRound) }},
		{"cores", func(r *result) string { return fmt.Sprintf("%.3f", r.cores) }},
		{"CPU per VMI and round", func(r *result) string {
			return fmt.Sprintf("%.1f µs", float64(r.cpuPerRound.Nanoseconds())/1e3/float64(r.vmis))
		}},
		{"RSS", func(r *result) string { return mebibytes(float64(r.rssBytes)) }},
		{"heap in use", func(r *result) string { return mebibytes(r.metrics.heapBytes) }},
		{"RSS per VMI", func(r *result) string { return fmt.Sprintf("%.1f kB", float64(r.rssBytes)/1e3/float64(r.vmis)) }},
		{"allocated per round", func(r *result) string { return mebibytes(r.allocPerRound) }},
		{"missed responses of those due", func(r *result) string { return fmt.Sprintf("%.0f of %.0f", max(0, r.missed), r.due) }},
		{"failed scrapes", func(r *result) string { return fmt.Sprintf("%.0f", r.metrics.failed) }},
		{"age of data, p50 / p99", func(r *result) string { return ages(&r.answers) }},
		{"query of a pool of 10, p50 / p99", func(r *result) string { return latency(&r.answers, 10) }},
		{"query of a pool of 100, p50 / p99", func(r *result) string { return latency(&r.answers, 100) }},
		{"query of a pool of 1,000, p50 / p99", func(r *result) string { return latency(&r.answers, 1000) }},
		{"500 VMIs as JSON, p50 / p99", func(r *result) string { return percentiles(r.pages["JSON"]) }},
		{"500 VMIs as a table, p50 / p99", func(r *result) string { return percentiles(r.pages["table"]) }},
		{"CPU per query (mean of the sizes)", func(r *result) string { return milliseconds(r.queryCPU) }},
		{"values unknown / more than 5 % off", func(r *result) string {
			return fmt.Sprintf("%d / %d of %d", r.answers.missing, r.answers.far, len(r.answers.ages))
		}},
		{"cores used by other processes, while scraping / querying", func(r *result) string { return fmt.Sprintf("%.2f / %.2f", r.foreignCores, r.foreignCoresInQueries) }},
		{"the fleet's own CPU per round", func(r *result) string { return seconds(r.fleetPerRound) }},
	}
	b.WriteString("| VMIs |")
	for _, result := range r.results {
		fmt.Fprintf(b, " %d |", result.vmis)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(r.results)) + "\n")
	for _, row := range rows {
		fmt.Fprintf(b, "| %s |", row.name)
		for _, result := range r.results {
			fmt.Fprintf(b, " %s |", row.cell(result))
		}
		b.WriteString("\n")
	}
}

func (r *report) hanging(b *strings.Builder, o options) {
	for _, result := range r.results {
		if result.hanging != nil {
			fmt.Fprintf(b, "\nWith %d VMIs and one node in %d hanging, the age of data on the others is %s (p50 / p99), %d values are unknown, and a query of a pool of 1,000 takes %s.\n",
				result.vmis, o.hangEvery, ages(result.hanging), result.hanging.missing, latency(result.hanging, 1000))
		}
	}
}

func (r *report) prometheus(b *strings.Builder) {
	for _, p := range r.peers {
		p.write(b)
	}
}

func (p *peerResult) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n| %d VMIs on %d nodes, Prometheus up for %s | guest-metrics-server | Prometheus | ratio |\n|---|---:|---:|---:|\n",
		p.vmis, p.nodes, seconds(p.scrapedFor))
	n := float64(p.vmis)
	perVMI := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / n }
	fmt.Fprintf(b, "| CPU per VMI and round | %.1f µs | %.1f µs | 1/%.1f |\n",
		perVMI(p.ours.cpuPerRound), perVMI(p.prometheus.cpuPerRound), float64(p.prometheus.cpuPerRound)/float64(p.ours.cpuPerRound))
	fmt.Fprintf(b, "| RSS per VMI | %.1f kB | %.1f kB | 1/%.1f |\n",
		float64(p.ours.rssBytes)/1e3/n, float64(p.prometheus.rssBytes)/1e3/n, float64(p.prometheus.rssBytes)/float64(p.ours.rssBytes))
}

func ages(a *answers) string {
	return seconds(percentile(a.ages, 50)) + " / " + seconds(percentile(a.ages, 99))
}

func latency(a *answers, size int) string { return percentiles(a.latencies[size]) }

func percentiles(l []time.Duration) string {
	if len(l) == 0 {
		return "none"
	}
	return milliseconds(percentile(l, 50)) + " / " + milliseconds(percentile(l, 99))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1e3)
}

func mebibytes(n float64) string { return fmt.Sprintf("%.0f MiB", n/(1<<20)) }

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	_, rest, _ := strings.Cut(string(text), "model name\t: ")
	model, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(model)
}
