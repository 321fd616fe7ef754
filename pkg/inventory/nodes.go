package inventory

import (
	"net/netip"
	"sync"
)

// NodeAddresses has the addresses of the cluster's nodes. All methods are safe
// for concurrent use.
type NodeAddresses struct {
	mu        sync.RWMutex
	nodes     map[string][]netip.Addr
	nodesWith map[netip.Addr]int // How many nodes have an address.
}

// NewNodeAddresses returns a NodeAddresses without nodes.
func NewNodeAddresses() *NodeAddresses {
	return &NodeAddresses{nodes: make(map[string][]netip.Addr), nodesWith: make(map[netip.Addr]int)}
}

// Contains reports whether a node of the cluster has the address.
func (n *NodeAddresses) Contains(a netip.Addr) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.nodesWith[a] > 0
}

// set replaces the addresses of a node; none for a node that is gone.
func (n *NodeAddresses) set(node string, addresses []netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range n.nodes[node] {
		if n.nodesWith[a]--; n.nodesWith[a] == 0 {
			delete(n.nodesWith, a)
		}
	}
	delete(n.nodes, node)
	if len(addresses) > 0 {
		n.nodes[node] = addresses
	}
	for _, a := range addresses {
		n.nodesWith[a]++
	}
}
