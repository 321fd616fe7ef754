package explain

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"guest-metrics-server/pkg/hpa"
	"guest-metrics-server/pkg/plugin/client"
	"guest-metrics-server/pkg/plugin/guests"
)

const examples = `  # Why does this HPA want so many replicas, or none?
  kubectl guest-metrics explain hpa/web

  # What is known of a VMI, and which HPAs does it move?
  kubectl guest-metrics explain vmi/web-0 -n shop

  # Which HPAs act on a pool, or on a replica set?
  kubectl guest-metrics explain vmpool/web
  kubectl guest-metrics explain vmirs/web

  # The same for programs
  kubectl guest-metrics explain hpa/web -o json`

// options are the flags of the command.
type options struct {
	factory *client.Factory
	output  string

	tolerance               float64
	downscaleStabilization  time.Duration
	cpuInitializationPeriod time.Duration
	initialReadinessDelay   time.Duration
}

// NewCommand returns the verb explain.
func NewCommand(factory *client.Factory) *cobra.Command {
	o := &options{factory: factory}
	defaults := hpa.ForKubernetes(0)
	command := &cobra.Command{
		Use:   "explain (hpa|vmi|vmpool|vmirs)/NAME",
		Short: "Explain why an HPA scales, or what a VMI, pool or replica set has to do with it",
		Long: `Explain why an HPA scales, or what a VMI, pool or replica set has to do with it.

Of an HPA it shows each request of the HPA controller, what each VMI answers or why it does not, the controller's arithmetic step by step, and what the controller did. Each statement is marked: observed is what an object or an answer says, estimated is what follows from it by the controller's rules.`,
		Example:           examples,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: o.complete,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args)
		},
	}
	flags := command.Flags()
	flags.StringVarP(&o.output, "output", "o", "", "json or yaml, instead of text")
	flags.Float64Var(&o.tolerance, "tolerance", defaults.Tolerance, "the HPA controller's --horizontal-pod-autoscaler-tolerance")
	flags.DurationVar(&o.downscaleStabilization, "downscale-stabilization", defaults.DownscaleStabilization, "the HPA controller's --horizontal-pod-autoscaler-downscale-stabilization")
	flags.DurationVar(&o.cpuInitializationPeriod, "cpu-initialization-period", defaults.CPUInitializationPeriod, "the HPA controller's --horizontal-pod-autoscaler-cpu-initialization-period")
	flags.DurationVar(&o.initialReadinessDelay, "initial-readiness-delay", defaults.InitialReadinessDelay, "the HPA controller's --horizontal-pod-autoscaler-initial-readiness-delay")
	return command
}

// controller is the cluster's with the flags that the user knows better.
func (o *options) controller(minor int) hpa.Controller {
	c := hpa.ForKubernetes(minor)
	c.Tolerance, c.DownscaleStabilization = o.tolerance, o.downscaleStabilization
	c.CPUInitializationPeriod, c.InitialReadinessDelay = o.cpuInitializationPeriod, o.initialReadinessDelay
	return c
}

// kinds are the names of what can be explained.
var kinds = map[string][]string{
	"hpa":             {"hpa", "hpas", "horizontalpodautoscaler", "horizontalpodautoscalers"},
	"vmi":             {"vmi", "vmis", "virtualmachineinstance", "virtualmachineinstances"},
	pools.short:       {"vmpool", "vmpools", "virtualmachinepool", "virtualmachinepools"},
	replicaSets.short: {"vmirs", "vmirss", "virtualmachineinstancereplicaset", "virtualmachineinstancereplicasets"},
}

// parse returns the kind and the name of KIND/NAME, or of KIND NAME.
func parse(args []string) (kind, name string, err error) {
	kind, name, found := strings.Cut(args[0], "/")
	switch {
	case found && len(args) > 1:
		return "", "", fmt.Errorf("one object at a time: %s or %s", args[0], args[1])
	case !found && len(args) == 1:
		return "", "", fmt.Errorf("%q has no name: want KIND/NAME, such as hpa/web", args[0])
	case !found:
		name = args[1]
	}
	kind, _, _ = strings.Cut(strings.ToLower(kind), ".") // As in virtualmachinepool.pool.kubevirt.io.
	for short, aliases := range kinds {
		if slices.Contains(aliases, kind) && name != "" {
			return short, name, nil
		}
	}
	return "", "", fmt.Errorf("cannot explain %s/%s: want hpa/NAME, vmi/NAME, vmpool/NAME or vmirs/NAME", kind, name)
}

func (o *options) run(ctx context.Context, args []string) error {
	kind, name, err := parse(args)
	if err != nil {
		return err
	}
	if !slices.Contains([]string{"", "json", "yaml"}, o.output) {
		return fmt.Errorf("--output=%s is not known: want json or yaml", o.output)
	}
	namespace, err := o.factory.Namespace()
	if err != nil {
		return err
	}
	clients, err := o.factory.Clients()
	if err != nil {
		return err
	}
	collector := &Collector{Clients: clients, Now: o.factory.Now, Controller: o.controller}
	report, err := collector.report(ctx, kind, namespace, name)
	if err != nil {
		return fmt.Errorf("%s/%s in namespace %s: %w", kind, name, namespace, err)
	}
	return o.print(o.factory.Out, report)
}

func (c *Collector) report(ctx context.Context, kind, namespace, name string) (Report, error) {
	switch kind {
	case "hpa":
		s, err := c.HPA(ctx, namespace, name)
		if err != nil {
			return Report{}, err
		}
		return HPA(s), nil
	case "vmi":
		s, err := c.VMI(ctx, namespace, name)
		if err != nil {
			return Report{}, err
		}
		return VMI(s), nil
	case pools.short:
		s, err := c.group(ctx, pools, namespace, name)
		if err != nil {
			return Report{}, err
		}
		return Group(s), nil
	default:
		s, err := c.group(ctx, replicaSets, namespace, name)
		if err != nil {
			return Report{}, err
		}
		return Group(s), nil
	}
}

func (o *options) print(w io.Writer, report Report) error {
	switch o.output {
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	case "yaml":
		out, err := yaml.Marshal(report)
		if err != nil {
			return err
		}
		_, err = w.Write(out)
		return err
	default:
		return report.Write(w)
	}
}

// complete offers KIND/NAME.
func (o *options) complete(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	kind, _, found := strings.Cut(toComplete, "/")
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if !found {
		return []string{"hpa/", "vmi/", "vmpool/", "vmirs/"}, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	resource, ok := map[string]schema.GroupVersionResource{
		"hpa":             {Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"},
		"vmi":             guests.VMIResource,
		pools.short:       {Group: pools.apiGroup, Version: "v1beta1", Resource: "virtualmachinepools"},
		replicaSets.short: {Group: replicaSets.apiGroup, Version: "v1", Resource: "virtualmachineinstancereplicasets"},
	}[kind]
	namespace, err := o.factory.Namespace()
	if !ok || err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	clients, err := o.factory.Clients()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	list, err := clients.Metadata.Resource(resource).Namespace(namespace).List(cmd.Context(), metav1.ListOptions{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, item := range list.Items {
		names = append(names, kind+"/"+item.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
