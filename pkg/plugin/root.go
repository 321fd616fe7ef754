package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"guest-metrics-server/pkg/plugin/client"
	"guest-metrics-server/pkg/plugin/doctor"
	"guest-metrics-server/pkg/plugin/explain"
	"guest-metrics-server/pkg/plugin/printable"
	"guest-metrics-server/pkg/plugin/top"
)

// ExitError is an error with an exit code of its own. One without a message has
// printed what it has to say.
type ExitError interface {
	error
	ExitCode() int
}

// Run runs the plugin and returns its exit code: 0, that of an ExitError, or 1.
func Run(streams genericiooptions.IOStreams, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := NewCommand(client.NewFactory(streams))
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if message := err.Error(); message != "" {
		fmt.Fprintln(streams.ErrOut, "error:", printable.Lines(message))
	}
	if exit, ok := errors.AsType[ExitError](err); ok {
		return exit.ExitCode()
	}
	return 1
}

// NewCommand returns the root command with all verbs.
func NewCommand(factory *client.Factory) *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-guest_metrics",
		Short: "See what happens inside KubeVirt guests, and why the HPA scales on it",
		Long: `See what happens inside KubeVirt guests, and why the HorizontalPodAutoscaler scales on it.

It reads what guest-metrics-server serves and Kubernetes' own objects, with your rights and no others, and changes nothing. What your rights do not let you see is named, and the rest is shown.`,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl guest-metrics"},
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(factory.In)
	root.SetOut(factory.Out)
	root.SetErr(factory.ErrOut)
	factory.Flags.AddFlags(root.PersistentFlags())
	root.AddCommand(top.NewCommand(factory), explain.NewCommand(factory), doctor.NewCommand(factory))
	return root
}
