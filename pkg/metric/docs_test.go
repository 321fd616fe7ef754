package metric

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/metrics.md from the catalogue")

const docsPath = "../../docs/metrics.md"

const intro = `# Metrics

<!-- Written by "make docs" from the catalogue in pkg/metric; a test checks that they agree. -->

The metrics guest_http_* are read from the guests' own status pages ([http.md](http.md)), all others from
KubeVirt's domain stats, 1.6 and later. They are served for each of pods (the active launcher pod), virtualmachineinstances.kubevirt.io, virtualmachines.kubevirt.io,
virtualmachineinstancereplicasets.kubevirt.io, virtualmachinepools.pool.kubevirt.io, services (over
the launcher pods that they select) and namespaces.

Δ is the growth from the first to the last sample of a span of up to --rate-window (29.25 s), of the same
VMI on the same node; Δt is that span, which an answer's windowSeconds says. Where windowSeconds
is 0, the value is that of one moment. An answer's timestamp is when the newest sample was taken, of
a group the oldest member's.

A group's value is over its members that count. One that counts but is unknown is taken to be like the
others. One that warms up counts as no load and weighs what it is; one that was never Ready is left out. metric.selector takes the key aggregate, one of
%s, to have a group aggregate otherwise (percentiles by nearest rank, min, max and
percentiles of the members that are known), and where there is a key to pick by, that one: a value's
characters that a label cannot have are written as _, and the mount point / as rootfs.

[accuracy.md](accuracy.md) says how far values are from the truth, and
[pods-or-object.md](pods-or-object.md) which type of HPA metric to ask for them with.
`

func render() string {
	var names []string
	for _, a := range Aggregations() {
		names = append(names, string(a))
	}
	var out strings.Builder
	fmt.Fprintf(&out, intro, strings.Join(names, ", "))
	for _, m := range All() {
		fmt.Fprintf(&out, "\n## %s\n\n%s\n\n", m.Name, m.Help)
		fmt.Fprintf(&out, "| | |\n|---|---|\n| unit | %s |\n| formula | %s |\n| of a group | %s |\n", m.Unit, m.Formula, m.Group)
		if m.DeviceKey != "" {
			fmt.Fprintf(&out, "| pick by | %s |\n", m.DeviceKey)
		}
		if m.Needs != "" {
			fmt.Fprintf(&out, "| needs | %s |\n", m.Needs)
		}
	}
	return out.String()
}

func TestDocsAgreeWithTheCatalogue(t *testing.T) {
	if *update {
		if err := os.WriteFile(docsPath, []byte(render()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(render(), string(written)); diff != "" {
		t.Errorf("make docs would change docs/metrics.md, -want +got:\n%s", diff)
	}
}
