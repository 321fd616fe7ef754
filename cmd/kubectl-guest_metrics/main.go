// Command kubectl-guest_metrics is a plugin of kubectl: kubectl guest-metrics.
package main

import (
	"os"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"guest-metrics-server/pkg/plugin"
)

func main() {
	os.Exit(plugin.Run(genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}, os.Args[1:]))
}
