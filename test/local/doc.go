// Package local runs a Kubernetes cluster with KubeVirt on this machine, for the
// demo and the end-to-end tests: real etcd, kube-apiserver,
// kube-controller-manager and virt-controller, and per node KubeVirt's own
// metrics exporter over scripted guests, all as child processes on loopback
// addresses under one state directory. What is faked is in one program,
// test/kubevirt/cmd/fake-node. The package must not know what a test asserts.
package local
