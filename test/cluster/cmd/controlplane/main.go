// Command controlplane holds etcd, kube-apiserver, kube-controller-manager and
// kubectl in one binary, a subcommand each, so that a test machine needs nothing
// but Go modules to run a real Kubernetes control plane.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"

	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

func main() {
	root := &cobra.Command{
		Use:   "controlplane",
		Short: "etcd, kube-apiserver, kube-controller-manager and kubectl in one binary, for tests",
	}
	// Only the command that runs is made. To make kube-apiserver's is to catch
	// SIGTERM for the whole process, and no other command would then obey it.
	switch name := subcommand(); name {
	case "etcd":
		root.AddCommand(newEtcdCommand())
	case "kube-apiserver":
		root.AddCommand(apiserver.NewAPIServerCommand())
	case "kube-controller-manager":
		root.AddCommand(controllermanager.NewControllerManagerCommand())
	case "kubectl":
		root.AddCommand(newKubectlCommand())
	default:
		fmt.Fprintf(os.Stderr, "controlplane: %q: want etcd, kube-apiserver, kube-controller-manager or kubectl\n", name)
		os.Exit(2)
	}
	os.Exit(cli.Run(root))
}

func subcommand() string {
	if len(os.Args) < 2 {
		return ""
	}
	return os.Args[1]
}
