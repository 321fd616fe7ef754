package doctor

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"guest-metrics-server/pkg/plugin/client"
	"guest-metrics-server/pkg/plugin/diagnosis"
	"guest-metrics-server/pkg/plugin/findings"
)

const (
	retryEvery  = 2 * time.Second
	readTimeout = time.Minute // Of one snapshot.
)

// exit ends the plugin with a code. The report has said why.
type exit int

// Error returns nothing.
func (exit) Error() string { return "" }

// ExitCode returns the code.
func (e exit) ExitCode() int { return int(e) }

// exitOf returns the error that a result ends the plugin with.
func exitOf(r diagnosis.Result) error {
	switch r {
	case diagnosis.Problem:
		return exit(3)
	case diagnosis.Warning:
		return exit(2)
	default:
		return nil
	}
}

type options struct {
	allNamespaces bool
	ignore        []string
	output        string
	wait          time.Duration
}

// NewCommand returns the verb.
func NewCommand(factory *client.Factory) *cobra.Command {
	var o options
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Check the whole way from the guests to the HPAs, and name causes and cures",
		Long: `Check the whole way from the guests to the HPAs, and name causes and cures.

It looks at the APIServices and who owns them, certificates, rights, KubeVirt, each virt-handler, the guests and every HPA on a pool or a replica set. Guests and HPAs are those of one namespace, or with -A of all. Of the Secret with the server's certificate only the certificate is kept.

Each finding has a code that docs/findings.md explains. What your rights do not let you see is marked with "?" and is no finding.

Exit codes: 0 healthy, 1 could not run, 2 warnings only, 3 problems.`,
		Example: `  # Check the current namespace
  kubectl guest-metrics doctor

  # Check the whole cluster, but for what is known
  kubectl guest-metrics doctor -A --ignore GM0406 --ignore GM0407

  # Wait until all is well, as after an installation
  kubectl guest-metrics doctor -A --wait 5m

  # The codes of all findings
  kubectl guest-metrics doctor -A -o json | jq -r '.categories[].checks[].findings[]?.code'`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return o.run(command.Context(), factory)
		},
	}
	flags := command.Flags()
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "Check the guests and HPAs of all namespaces.")
	flags.StringSliceVar(&o.ignore, "ignore", nil, "Leave out findings with this code, such as GM0406. May be repeated.")
	flags.StringVarP(&o.output, "output", "o", "", `Output format: "" for text, or json.`)
	flags.DurationVar(&o.wait, "wait", 0, "Check again until there is no warning and no problem, for at most this long.")
	for flag, values := range map[string][]string{"output": {"json"}, "ignore": codes()} {
		if err := command.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
			panic(err) // The flag is defined above.
		}
	}
	return command
}

func codes() []string {
	var codes []string
	for _, info := range findings.Table() {
		codes = append(codes, string(info.Code)+"\t"+info.Title)
	}
	return codes
}

func (o *options) validate() ([]findings.Code, error) {
	if o.output != "" && o.output != "json" {
		return nil, fmt.Errorf("--output=%s: want json, or nothing for text", o.output)
	}
	if o.wait < 0 {
		return nil, fmt.Errorf("--wait=%s: want a duration that is not negative", o.wait)
	}
	var ignored []findings.Code
	for _, code := range o.ignore {
		info, ok := findings.Lookup(findings.Code(code))
		if !ok {
			return nil, fmt.Errorf("--ignore=%s: there is no such finding; docs/findings.md lists all", code)
		}
		ignored = append(ignored, info.Code)
	}
	return ignored, nil
}

func (o *options) run(ctx context.Context, factory *client.Factory) error {
	ignored, err := o.validate()
	if err != nil {
		return err
	}
	clients, err := factory.Clients()
	if err != nil {
		return err
	}
	namespace := ""
	if !o.allNamespaces {
		if namespace, err = factory.Namespace(); err != nil {
			return err
		}
	}
	look := func(ctx context.Context) (*diagnosis.Report, error) {
		snapshot, err := read(ctx, clients, namespace, factory.Now())
		if err != nil {
			return nil, err
		}
		return diagnosis.Examine(snapshot, ignored), nil
	}
	report, err := o.examine(ctx, look)
	if err != nil {
		return err
	}
	if o.output == "json" {
		err = report.PrintJSON(factory.Out)
	} else {
		err = report.Print(factory.Out, colorsOf(factory.Out))
	}
	if err != nil {
		return err
	}
	return exitOf(report.Result())
}

// examine looks, and goes on until the cluster is healthy or the time to wait is
// over. It returns the newest report, or an error if there is none.
func (o *options) examine(ctx context.Context, look func(context.Context) (*diagnosis.Report, error)) (*diagnosis.Report, error) {
	deadline, cancel := context.WithTimeout(ctx, o.wait)
	defer cancel()
	ticker := time.NewTicker(retryEvery)
	defer ticker.Stop()
	var newest *diagnosis.Report
	for {
		report, err := look(ctx)
		if err == nil {
			newest = report
			if exitOf(report.Result()) == nil {
				return report, nil
			}
		}
		select {
		case <-ticker.C:
		case <-deadline.Done():
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if deadline.Err() == nil {
			continue
		}
		if newest == nil {
			return nil, err
		}
		return newest, nil
	}
}

// colorsOf returns colors for a terminal whose user has not turned them off.
func colorsOf(w io.Writer) diagnosis.Colors {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || os.Getenv("NO_COLOR") != "" || strings.EqualFold(os.Getenv("TERM"), "dumb") {
		return diagnosis.Colors{}
	}
	return diagnosis.ANSI
}
