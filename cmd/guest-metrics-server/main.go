// Command guest-metrics-server serves custom.metrics.k8s.io for KubeVirt's VMIs
// with what happens inside the guests.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
	genericapiserver "k8s.io/apiserver/pkg/server"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/logs"

	"guest-metrics-server/pkg/app"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		// One line, however many things are wrong.
		fmt.Fprintln(os.Stderr, "guest-metrics-server:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	options := app.NewOptions()
	sections := options.Flags()
	flags := pflag.NewFlagSet("guest-metrics-server", pflag.ContinueOnError)
	for _, section := range sections.FlagSets {
		flags.AddFlagSet(section)
	}
	flags.Usage = func() {
		_, _ = fmt.Fprintln(out, "guest-metrics-server serves custom.metrics.k8s.io for KubeVirt's VMIs.")
		cliflag.PrintSections(out, sections, 120)
	}
	var invalid *pflag.InvalidValueError
	switch err := flags.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		return nil
	case errors.As(err, &invalid):
		return fmt.Errorf("--%s is %q: %s", invalid.GetFlag().Name, invalid.GetValue(), invalid.GetFlag().Usage)
	case err != nil:
		return fmt.Errorf("%w (--help lists the flags)", err)
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q: there are only flags (--help lists them)", flags.Arg(0))
	}
	if options.Version {
		_, err := fmt.Fprintln(out, "guest-metrics-server", app.Version)
		return err
	}
	if err := options.Validate(); err != nil {
		return err
	}
	if err := options.Complete(); err != nil {
		return err
	}
	if err := options.ApplyLogging(); err != nil {
		return err
	}
	defer logs.FlushLogs()
	return app.Run(genericapiserver.SetupSignalContext(), options)
}
