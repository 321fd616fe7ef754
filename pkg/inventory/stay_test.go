package inventory

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEachStayOnANodeHasANameOfItsOwn(t *testing.T) {
	for _, test := range []struct {
		nodes string // One after the other, a second apart.
		want  int    // Stays.
	}{
		{"n1", 1},
		{"n1 n1 n1", 1},
		{"n1 n2", 2},
		{"n1 n2 n2 n1 n1", 3},
		{"n1 n2 n1 n2 n1", 5},
	} {
		w, v := newWorld(), vmi("a")
		var stays []string
		for _, node := range strings.Fields(test.nodes) {
			v.Node = node
			w.PutVMI(v)
			w.now = w.now.Add(time.Second)
			stays = append(stays, w.VMI("ns", "a").Stay)
		}
		stays = slices.Compact(stays)
		slices.Sort(stays)
		if got := len(slices.Compact(stays)); got != test.want {
			t.Errorf("%s: got %d stays, want %d: %q", test.nodes, got, test.want, stays)
		}
	}
}
