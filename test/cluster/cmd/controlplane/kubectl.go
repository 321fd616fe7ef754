package main

import (
	"os"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/kubectl/pkg/cmd"
)

// newKubectlCommand returns the real kubectl, so that manifests are applied the
// way users apply them. It runs no plugins: what a test does must not depend on
// what else is installed on the machine.
func newKubectlCommand() *cobra.Command {
	return cmd.NewKubectlCommand(cmd.KubectlOptions{
		Arguments: os.Args[1:],
		IOStreams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
	})
}
