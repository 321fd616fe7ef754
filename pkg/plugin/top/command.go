package top

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"sigs.k8s.io/yaml"

	"guest-metrics-server/pkg/plugin/client"
	"guest-metrics-server/pkg/plugin/printable"
)

const examples = `  # The load inside the VMIs of this namespace
  kubectl guest-metrics top vmis

  # The pools of all namespaces, by the requests that they answer
  kubectl guest-metrics top pools -A --sort-by=requests

  # The VMIs of a pool, again and again
  kubectl guest-metrics top vmis -l kubevirt.io/vmpool=web --watch

  # Why a value is not known
  kubectl guest-metrics top replicasets -o wide`

// subjects are what the verb shows, with other names for them.
var subjects = map[string][]string{
	"vmis":        {"vmis", "vmi", "virtualmachineinstances"},
	"pools":       {"pools", "pool", "vmpools", "vmpool", "virtualmachinepools"},
	"replicasets": {"replicasets", "replicaset", "vmirs", "virtualmachineinstancereplicasets"},
	"services":    {"services", "service", "svc"},
}

// options are the flags of the command.
type options struct {
	factory       *client.Factory
	allNamespaces bool
	selector      string
	sortBy        string
	output        string
	watch         bool
	interval      time.Duration
}

// NewCommand returns the verb top.
func NewCommand(factory *client.Factory) *cobra.Command {
	o := &options{factory: factory}
	command := &cobra.Command{
		Use:   "top (vmis|pools|replicasets|services)",
		Short: "Show the load inside guests, of VMIs or of groups of them",
		Long: `Show the load inside guests, of VMIs or of groups of them.

CPU is in cores, of a VMI with the number of its vCPUs. CPU% and DEMAND% are in percent of the vCPUs; demand is what the guest uses and what the host did not give it. Of a group, CPU, memory and requests are sums, percentages are means, and KNOWN is the VMIs with a value of those that count. DATA AGE is that of the sample that the CPU usage is from. STATUS is OK, or the reason why there is no value: docs/reasons.md has them all.`,
		Example:   examples,
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{"vmis", "pools", "replicasets", "services"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args[0])
		},
	}
	flags := command.Flags()
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "all namespaces")
	flags.StringVarP(&o.selector, "selector", "l", "", "only what has these labels, such as app=web")
	flags.StringVar(&o.sortBy, "sort-by", sortKeys[0], "one of "+strings.Join(sortKeys, ", "))
	flags.StringVarP(&o.output, "output", "o", "", "json, yaml or wide")
	flags.BoolVarP(&o.watch, "watch", "w", false, "show it again and again")
	flags.DurationVar(&o.interval, "interval", 5*time.Second, "how often --watch asks, at least 1s")
	_ = command.RegisterFlagCompletionFunc("sort-by", cobra.FixedCompletions(sortKeys, cobra.ShellCompDirectiveNoFileComp))
	_ = command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"json", "yaml", "wide"}, cobra.ShellCompDirectiveNoFileComp))
	return command
}

// validate returns the subject.
func (o *options) validate(arg string) (string, error) {
	subject := ""
	for name, aliases := range subjects {
		if slices.Contains(aliases, strings.ToLower(arg)) {
			subject = name
		}
	}
	switch {
	case subject == "":
		return "", fmt.Errorf("cannot show %q: want vmis, pools, replicasets or services", arg)
	case !slices.Contains([]string{"", "wide", "json", "yaml"}, o.output):
		return "", fmt.Errorf("--output=%s is not known: want json, yaml or wide", o.output)
	case o.watch && o.output != "" && o.output != "wide":
		return "", fmt.Errorf("--watch shows tables, not %s", o.output)
	case o.interval < time.Second:
		return "", fmt.Errorf("--interval=%s is too short: want 1s or more", o.interval)
	}
	return subject, sortRows(nil, o.sortBy)
}

func (o *options) run(ctx context.Context, arg string) error {
	subject, err := o.validate(arg)
	if err != nil {
		return err
	}
	namespace, err := o.factory.Namespace()
	if err != nil {
		return err
	}
	if o.allNamespaces {
		namespace = ""
	}
	clients, err := o.factory.Clients()
	if err != nil {
		return err
	}
	show := func() error {
		c := &collector{clients: clients, namespace: namespace, selector: o.selector}
		rows, err := c.rows(ctx, subject)
		if err != nil {
			return err
		}
		return o.print(subject, namespace, rows, c.unseen)
	}
	if !o.watch {
		return show()
	}
	ticker := time.NewTicker(o.interval)
	defer ticker.Stop()
	for {
		if err := show(); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil // The user has seen enough.
		case <-ticker.C:
		}
	}
}

func (c *collector) rows(ctx context.Context, subject string) ([]Row, error) {
	switch subject {
	case "vmis":
		return c.vmis(ctx)
	case "pools":
		return c.groups(ctx, pools)
	case "replicasets":
		return c.groups(ctx, replicaSets)
	default:
		return c.groups(ctx, services)
	}
}

// list is what JSON and YAML show.
type list struct {
	Items  []Row    `json:"items"`
	Unseen []string `json:"unseen,omitempty"`
}

func (o *options) print(subject, namespace string, rows []Row, unseen []string) error {
	if err := sortRows(rows, o.sortBy); err != nil {
		return err
	}
	out := o.factory.Out
	switch o.output {
	case "json":
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(list{append([]Row{}, rows...), unseen})
	case "yaml":
		text, err := yaml.Marshal(list{append([]Row{}, rows...), unseen})
		if err != nil {
			return err
		}
		_, err = out.Write(text)
		return err
	}
	terminal := isTerminal(out)
	s := style{
		now: o.factory.Now(), namespaces: o.allNamespaces, wide: o.output == "wide",
		bars: terminal, colours: terminal && os.Getenv("NO_COLOR") == "",
	}
	text := ""
	switch {
	case len(rows) > 0:
		text = s.table(subject, rows)
	case namespace == "":
		text = fmt.Sprintf("No %s found.\n", subject)
	default:
		text = fmt.Sprintf("No %s found in namespace %s.\n", subject, namespace)
	}
	if o.watch && terminal {
		text = clear + text
	} else if o.watch {
		text = fmt.Sprintf("%s\n%s\n", s.now.Format(time.RFC3339), text)
	}
	if _, err := io.WriteString(out, text); err != nil {
		return err
	}
	for _, u := range unseen {
		fmt.Fprintln(o.factory.ErrOut, "not seen:", printable.Line(u))
	}
	return nil
}

// clear moves to the top left and clears the terminal.
const clear = "\x1b[H\x1b[2J"

// isTerminal reports whether bars and colours can be shown.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb"
}
