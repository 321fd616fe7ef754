// Package diagnosis finds what is wrong with guest metrics and the HPAs that scale
// on them. In goes a Snapshot of the cluster, of which any part may be missing for
// lack of rights; out comes a Report of checks and findings, as text or JSON. It must
// not know how the snapshot was read, and asks no clock.
package diagnosis
