// Package guest runs a real virtual machine on this machine, without changing it:
// a small Linux with nginx under QEMU's software emulation, looked after by
// libvirt. Debian packages and a launcher pod come in, a guest comes out whose
// load can be set and that tells what it counts itself. It must not know what the
// server under test makes of it.
//
// Everything is in namespaces that Enter makes, for mounts, the network and
// processes: with their first process all else ends that was started or mounted.
package guest
