package scrape

import (
	"fmt"
	"net/netip"
)

// AddressPolicy says which addresses of guests may be connected to. A pod's
// status is what a node and its network plugin say, and must not turn the server
// against itself, against a node's own services or against a cloud's metadata.
type AddressPolicy struct {
	// Allowed are connected to whatever they are, as on a local cluster whose
	// pods have loopback addresses.
	Allowed []netip.Prefix
	// IsNode reports whether an address is one of a node of the cluster.
	IsNode func(netip.Addr) bool
}

// Check returns an error for an address that is not to be connected to.
func (p AddressPolicy) Check(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	for _, prefix := range p.Allowed {
		if prefix.Contains(a) {
			return nil
		}
	}
	what := ""
	switch {
	case !a.IsValid() || a.IsUnspecified():
		what = "no address of a host"
	case a.IsLoopback():
		what = "a loopback address"
	case a.IsLinkLocalUnicast():
		what = "a link-local address"
	case a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		what = "a multicast or broadcast address"
	case p.IsNode(a):
		what = "the address of a node, as a pod on the host's network has it"
	default:
		return nil
	}
	return fmt.Errorf("the pod's address is %s: guests are never looked for there", what)
}
