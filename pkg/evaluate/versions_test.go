package evaluate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guest-metrics-server/pkg/metric"
)

// servedOfResponses lists the values that the server must answer from the two
// responses in ../domainstats/testdata/versions, for every version. In 15 s, the vCPUs of web-0 ran for 60 and 30 %
// of the time and waited for 20 and 10 %, those of db-0 ran for 10 and 20 % and
// did not wait. db-0 has neither an agent nor statistics of its balloon.
const servedOfResponses = `
web-0 guest_cpu_usage_cores 900m
web-0 guest_cpu_utilization_percent 45
web-0 guest_cpu_demand_percent 60
web-0 guest_cpu_steal_percent 15
web-0 guest_load_1m 750m
web-0 guest_load_5m 500m
web-0 guest_load_15m 250m
web-0 guest_memory_used_bytes 3145728k
web-0 guest_memory_utilization_percent 75
web-0 guest_memory_major_page_faults_per_second 2
web-0 guest_network_receive_bytes_per_second 110k
web-0 guest_network_transmit_bytes_per_second 205k
web-0 guest_network_receive_packets_per_second 110
web-0 guest_network_transmit_packets_per_second 205
web-0 guest_storage_read_bytes_per_second 509600
web-0 guest_storage_write_bytes_per_second 254800
web-0 guest_storage_read_operations_per_second 25
web-0 guest_storage_write_operations_per_second 13
web-0 guest_filesystem_utilization_percent 85
db-0 guest_cpu_usage_cores 300m
db-0 guest_cpu_utilization_percent 15
db-0 guest_cpu_demand_percent 15
db-0 guest_cpu_steal_percent 0
db-0 guest_load_1m unknown
db-0 guest_load_5m unknown
db-0 guest_load_15m unknown
db-0 guest_memory_used_bytes unknown
db-0 guest_memory_utilization_percent unknown
db-0 guest_memory_major_page_faults_per_second unknown
db-0 guest_network_receive_bytes_per_second 1k
db-0 guest_network_transmit_bytes_per_second 2k
db-0 guest_network_receive_packets_per_second 4
db-0 guest_network_transmit_packets_per_second 6
db-0 guest_storage_read_bytes_per_second 0
db-0 guest_storage_write_bytes_per_second 8192
db-0 guest_storage_read_operations_per_second 0
db-0 guest_storage_write_operations_per_second 2
db-0 guest_filesystem_utilization_percent unknown
`

// notServedOf has what is unknown of a version's responses and served of the others.
var notServedOf = map[string][]string{
	"v1.6": {"guest_load_1m", "guest_load_5m", "guest_load_15m"}, // KubeVirt 1.7 began to ask the agent.
}

// The same guests are served the same, whatever version of KubeVirt reports them.
func TestPagesOfEachKubeVirtVersion(t *testing.T) {
	versions, err := filepath.Glob("../domainstats/testdata/versions/v*")
	if err != nil {
		t.Fatal(err)
	}
	if len(versions) != 4 {
		t.Fatalf("responses of %q, want them of the four supported versions", versions)
	}
	for _, dir := range versions {
		version := filepath.Base(dir)
		t.Run(version, func(t *testing.T) {
			want := strings.TrimSpace(servedOfResponses)
			for _, name := range notServedOf[version] {
				want = withoutValue(want, "web-0 "+name+" ")
			}
			if diff := cmp.Diff(want, served(t, dir)); diff != "" {
				t.Errorf("served of the responses in %s (-want +got):\n%s", dir, diff)
			}
		})
	}
}

// withoutValue puts "unknown" into the place of the value of the line that
// begins as given.
func withoutValue(text, begin string) string {
	before, after, _ := strings.Cut(text, begin)
	_, rest, _ := strings.Cut(after, "\n")
	return before + begin + "unknown\n" + rest
}

// served lists what the API answers for each metric of both VMIs once the two
// responses have been read.
func served(t *testing.T, dir string) string {
	w := newWorld(t)
	for _, step := range []string{"vmi web-0 agent=true", "vmi db-0 agent=false"} {
		if err := w.step(step); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"first.txt", "second.txt"} {
		response, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(scrapeInterval)
		w.scrape("n1", string(response))
	}
	var lines []string
	for _, name := range []string{"web-0", "db-0"} {
		for _, m := range metric.All() {
			if m.Source != metric.DomainStats {
				continue // Not of these responses.
			}
			answer := "unknown"
			list, status := w.get(t, "namespaces/"+defaultNamespace+"/"+resourceOf("vmi")+"/"+name+"/"+m.Name, nil)
			switch {
			case status == nil:
				answer = list.Items[0].Value.String()
			case !strings.Contains(status.Message, "(not_reported)") && !strings.Contains(status.Message, "(no_agent)"):
				t.Errorf("%s of %s: %v, want a value or that it is not reported", m.Name, name, status.Message)
			}
			lines = append(lines, fmt.Sprintf("%s %s %s", name, m.Name, answer))
		}
	}
	return strings.Join(lines, "\n")
}
