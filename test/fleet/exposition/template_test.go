package exposition

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guest-metrics-server/pkg/domainstats"
	"guest-metrics-server/test/fleet/world"
)

// The benchmark compares what the server says with Utilization.
func TestCountersGrowByTheirRate(t *testing.T) {
	const dir = "../../../pkg/domainstats/testdata/versions/v1.9/"
	first, err := os.ReadFile(dir + "first.txt")
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(dir + "second.txt")
	if err != nil {
		t.Fatal(err)
	}
	fleet := world.Fleet{VMIs: 10_000, PerNode: 50}
	template, err := NewTemplate(fleet, first, second, "web-0")
	if err != nil {
		t.Fatal(err)
	}
	node := template.Node(3)
	before, after := decode(t, node, 100), decode(t, node, 115)
	want := fleet.On(3, 20)
	if diff := cmp.Diff(want.Name(), after.Samples[20].Name); diff != "" {
		t.Errorf("name of the VMI (-want +got):\n%s", diff)
	}
	busy := 0.0
	for i, s := range after.Samples[20].Layout.Keys {
		if s.Family.String() == "kubevirt_vmi_vcpu_seconds_total" {
			busy += after.Samples[20].Values[i] - before.Samples[20].Values[i]
		}
	}
	if got := busy / 15 / 2 * 100; got < want.Utilization()-0.2 || got > want.Utilization()+0.2 {
		t.Errorf("the vCPUs are %v %% busy, want %v %%", got, want.Utilization())
	}
}

func decode(t *testing.T, node *Node, seconds float64) domainstats.Response {
	t.Helper()
	page, err := domainstats.Decode(bytes.NewReader(node.AppendText(nil, seconds)))
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Samples) != 50 || page.Malformed > 0 {
		t.Fatalf("%d VMIs and %d malformed lines, want 50 and 0", len(page.Samples), page.Malformed)
	}
	return page
}
