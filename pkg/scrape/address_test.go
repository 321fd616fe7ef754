package scrape

import (
	"net/netip"
	"testing"
)

func TestAddressesThatGuestsAreNeverLookedForAt(t *testing.T) {
	node := netip.MustParseAddr("10.0.0.7")
	policy := AddressPolicy{
		Allowed: []netip.Prefix{netip.MustParsePrefix("127.3.0.0/16")},
		IsNode:  func(a netip.Addr) bool { return a == node },
	}
	for _, test := range []struct {
		attack, address string
		allowed         bool
	}{
		{"none: a pod", "10.244.3.7", true},
		{"none: a pod with IPv6", "fd00:10:244::7", true},
		{"none: a pod on a public address, as some networks have", "203.0.113.9", true},
		{"none: a local cluster's pod", "127.3.0.9", true},
		{"the server itself", "127.0.0.1", false},
		{"the server itself, further on in loopback", "127.200.1.2", false},
		{"the server itself by IPv6", "::1", false},
		{"the server itself by IPv4 in IPv6", "::ffff:127.0.0.1", false},
		{"the server itself by the unspecified address", "0.0.0.0", false},
		{"the server itself by the unspecified address of IPv6", "::", false},
		{"a cloud's metadata", "169.254.169.254", false},
		{"a cloud's metadata by IPv4 in IPv6", "::ffff:169.254.169.254", false},
		{"a link-local neighbour", "fe80::1", false},
		{"a link-local neighbour on a named link", "fe80::1%eth0", false},
		{"a node's own services, such as the kubelet", "10.0.0.7", false},
		{"a node by IPv4 in IPv6", "::ffff:10.0.0.7", false},
		{"everyone", "224.0.0.1", false},
		{"everyone by IPv6", "ff02::1", false},
		{"everyone by broadcast", "255.255.255.255", false},
	} {
		t.Run(test.attack, func(t *testing.T) {
			if err := policy.Check(netip.MustParseAddr(test.address)); (err == nil) != test.allowed {
				t.Errorf("%s: %v", test.address, err)
			}
		})
	}
}
