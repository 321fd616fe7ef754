// Package exposition writes what the virt-handlers of a simulated fleet expose.
// In goes the exposition of KubeVirt's own exporter (one guest, at two moments),
// out comes that of any node of a fleet at any time. It knows nothing of HTTP.
//
// As on a real node are all series of the guest with their HELP and TYPE, their
// order (by family, within a family by the labels' values), their labels and the
// length of their lines.
//
// What is simulated:
//   - Every VMI has the template's shape: 2 vCPUs, 2 NICs, 2 drives, 2
//     filesystems, an agent. Labels name the VMI, its pool and its node, and one
//     more, tier, stands for the labels that users add.
//   - Counters that differ between the template's two moments grow at the
//     template's rate times the VMI's load, from a value of as many digits as a
//     guest has that ran for long. Some memory gauges wander. All other series
//     keep their value.
//   - The families go_, process_ and promhttp_, one in a hundred bytes, are left
//     out, as the template leaves them out.
package exposition
