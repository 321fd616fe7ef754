// Package launcher stands in for virt-launcher where virt-handler's exporter can
// see it: a gRPC server on a socket per launcher pod. VMIs and their script come
// in, libvirt's statistics of such guests go out; Serve does the same for any
// other Domain. It must not know what becomes of them.
package launcher
