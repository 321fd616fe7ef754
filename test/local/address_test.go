package local

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
)

func TestBlockKeepsItsRangesApart(t *testing.T) {
	b := &block{second: 107}
	ranges := map[string]netip.Prefix{"services": b.services(), "pods": b.pods()}
	tests := []struct {
		what    string
		address netip.Addr
		within  string // empty: outside of every range
	}{
		{"API server's Service", b.apiService(), "services"},
		{"server's Service", b.server(), "services"},
		{"control plane", b.controlPlane(), ""},
		{"first node", b.node(1), ""},
		{"twentieth node", b.node(20), ""},
	}
	for _, test := range tests {
		for name, prefix := range ranges {
			if got, want := prefix.Contains(test.address), name == test.within; got != want {
				t.Errorf("address of the %s, %v, within %s %v: %v, want %v", test.what, test.address, name, prefix, got, want)
			}
		}
	}
	if b.services().Overlaps(b.pods()) {
		t.Errorf("services %v overlap pods %v", b.services(), b.pods())
	}
}

func TestClustersSideBySideGetBlocksOfTheirOwn(t *testing.T) {
	first, err := reserveBlock()
	if err != nil {
		t.Fatal(err)
	}
	defer first.release() //nolint:errcheck // released below when all goes well
	second, err := reserveBlock()
	if err != nil {
		t.Fatal(err)
	}
	if first.second == second.second || first.podsDir == second.podsDir {
		t.Errorf("both clusters got 127.%d and %s", first.second, first.podsDir)
	}
	if err := second.release(); err != nil {
		t.Error(err)
	}
	if err := first.release(); err != nil {
		t.Error(err)
	}
}

func TestLauncherSocketsFitIntoASocketAddress(t *testing.T) {
	const longest = 107 // sun_path has 108 bytes, the last of them zero
	uid := strings.Repeat("u", 36)
	b, err := reserveBlock()
	if err != nil {
		t.Fatal(err)
	}
	defer b.release() //nolint:errcheck // only frees
	socket := filepath.Join(b.podsDir, uid, "volumes/kubernetes.io~empty-dir/sockets/launcher-sock")
	if len(socket) > longest {
		t.Errorf("%s has %d bytes, more than %d", socket, len(socket), longest)
	}
}
