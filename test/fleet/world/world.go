// Package world says what a simulated fleet consists of: in goes its size, out
// come the names, places and loads of its VMIs. It does no I/O, so that the
// processes of a simulation agree on everything without talking.
//
// All names have a fixed width (web-00007-0012), which real ones have not: it
// lets the simulators overwrite them in place.
package world

import "fmt"

// Fleet is VMIs spread evenly over nodes.
type Fleet struct {
	VMIs    int // A multiple of PerNode.
	PerNode int
}

// Validate returns what is wrong with the fleet's size.
func (f Fleet) Validate() error {
	switch {
	case f.PerNode < 1 || f.PerNode > MaxPerNode:
		return fmt.Errorf("%d VMIs on a node: want 1 to %d", f.PerNode, MaxPerNode)
	case f.VMIs < f.PerNode || f.VMIs%f.PerNode != 0:
		return fmt.Errorf("%d VMIs cannot be spread with %d on each node", f.VMIs, f.PerNode)
	case f.VMIs > MaxVMIs || f.Nodes() > maxNodes:
		return fmt.Errorf("%d VMIs on %d nodes: want at most %d on %d", f.VMIs, f.Nodes(), MaxVMIs, maxNodes)
	}
	return nil
}

// The largest fleet that the fixed width of names allows.
const (
	MaxVMIs    = 1_000_000
	MaxPerNode = 1000
	maxNodes   = 10_000
)

// A namespace holds these pools, in this order; the last one may be cut short by
// the fleet's end.
const (
	namespaceVMIs  = 2000
	namespacePools = 25
)

var poolSizes = func() []int {
	var sizes []int
	for range 20 {
		sizes = append(sizes, 10)
	}
	return append(sizes, 100, 100, 100, 500, 1000)
}()

// VMI is one of the fleet.
type VMI struct {
	Index     int
	Node      int
	Namespace int
	Pool      int // Counted over all namespaces.
	Ordinal   int // In its pool.
}

// Nodes returns how many nodes there are.
func (f Fleet) Nodes() int { return f.VMIs / f.PerNode }

// Namespaces returns how many namespaces there are.
func (f Fleet) Namespaces() int { return (f.VMIs + namespaceVMIs - 1) / namespaceVMIs }

// VMI returns a VMI by its index. The VMIs of a pool are on different nodes as
// far as there are enough.
func (f Fleet) VMI(index int) VMI {
	v := VMI{Index: index, Node: index % f.Nodes(), Namespace: index / namespaceVMIs}
	left := index % namespaceVMIs
	pool := 0
	for left >= poolSizes[pool] {
		left -= poolSizes[pool]
		pool++
	}
	v.Pool = v.Namespace*namespacePools + pool
	v.Ordinal = left
	return v
}

// On returns a node's VMI by its place on the node's page, which is in the order
// of names.
func (f Fleet) On(node, slot int) VMI { return f.VMI(slot*f.Nodes() + node) }

// Pool is a VirtualMachinePool.
type Pool struct {
	Index     int
	Namespace int
	Size      int
}

// Pools returns all pools.
func (f Fleet) Pools() []Pool {
	var pools []Pool
	for first := 0; first < f.VMIs; {
		v := f.VMI(first)
		size := min(poolSizes[v.Pool%namespacePools], f.VMIs-first)
		pools = append(pools, Pool{Index: v.Pool, Namespace: v.Namespace, Size: size})
		first += size
	}
	return pools
}

// Name returns the VMI's name.
func (v VMI) Name() string { return fmt.Sprintf("%s-%04d", PoolName(v.Pool), v.Ordinal) }

// Load returns how busy the VMI is against the template's guest, 0.25 to 1.5.
func (v VMI) Load() float64 { return 0.25 + 1.25*Fraction(uint64(v.Index)) }

// Utilization returns the VMI's guest_cpu_utilization_percent: the template's
// vCPUs are busy for 60 and 30 % of the time.
func (v VMI) Utilization() float64 { return 45 * v.Load() }

// PoolName returns a pool's name.
func PoolName(pool int) string { return fmt.Sprintf("web-%05d", pool) }

// NamespaceName returns a namespace's name.
func NamespaceName(namespace int) string { return fmt.Sprintf("tenant-%03d", namespace) }

// NodeName returns a node's name.
func NodeName(node int) string { return fmt.Sprintf("node-%05d", node) }

// NodeIP returns the loopback address of a node's virt-handler.
func NodeIP(node int) string { return fmt.Sprintf("127.90.1%02d.1%02d", node/100, node%100) }

// MetricsPort is the port of virt-handler's page.
const MetricsPort = 8443

// KubeVirtNamespace is where KubeVirt's own pods are.
const KubeVirtNamespace = "kubevirt"

// Fraction returns a number from 0 to 1 that looks random and is always the same
// for the same seed.
func Fraction(seed uint64) float64 {
	z := seed + 0x9e3779b97f4a7c15
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	z ^= z >> 31
	return float64(z>>11) / (1 << 53)
}
