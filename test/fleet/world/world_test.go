package world

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEachVMIHasOnePlace(t *testing.T) {
	f := Fleet{VMIs: 5000, PerNode: 50}
	if err := f.Validate(); err != nil {
		t.Fatal(err)
	}
	sizes := make(map[int]int)
	names := make(map[string]bool)
	for node := range f.Nodes() {
		for slot := range f.PerNode {
			v := f.On(node, slot)
			if v.Node != node {
				t.Fatalf("%s is on node %d and on the page of node %d", v.Name(), v.Node, node)
			}
			sizes[v.Pool]++
			names[NamespaceName(v.Namespace)+"/"+v.Name()] = true
		}
	}
	if len(names) != f.VMIs {
		t.Errorf("%d VMIs have %d names", f.VMIs, len(names))
	}
	want := make(map[int]int)
	for _, p := range f.Pools() {
		want[p.Index] = p.Size
	}
	if diff := cmp.Diff(want, sizes); diff != "" {
		t.Errorf("sizes of pools (-as listed +as VMIs say):\n%s", diff)
	}
}

func TestValidateRefusesFleetsWithoutNamesForAll(t *testing.T) {
	tests := map[string]struct {
		fleet Fleet
		valid bool
	}{
		"the largest of the benchmark": {Fleet{100_000, 50}, true},
		"a node that is not full":      {Fleet{1001, 50}, false},
		"nobody on a node":             {Fleet{1000, 0}, false},
		"too many VMIs":                {Fleet{2_000_000, 1000}, false},
		"too many nodes":               {Fleet{20_000, 1}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := test.fleet.Validate(); (err == nil) != test.valid {
				t.Errorf("error %v, want valid: %v", err, test.valid)
			}
		})
	}
}
