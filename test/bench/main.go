package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"guest-metrics-server/test/filelock"
)

type options struct {
	repository string
	sizes      []int
	perNode    int
	rounds     int
	interval   time.Duration
	queryTime  time.Duration
	hangEvery  int
	peerVMIs   []int
	prometheus string
	server     string
	out        string
}

func main() {
	o := options{sizes: []int{1_000, 10_000, 100_000}, peerVMIs: []int{2_000, 10_000}}
	flag.Func("sizes", "numbers of VMIs, with commas between (1000,10000,100000)", func(text string) (err error) {
		o.sizes, err = numbers(text)
		return err
	})
	flag.IntVar(&o.perNode, "per-node", 50, "VMIs on a node")
	flag.DurationVar(&o.interval, "interval", 9750*time.Millisecond, "scrape interval; the rate window is three of them, as by default")
	flag.IntVar(&o.rounds, "rounds", 4, "rounds of scrapes to measure CPU over")
	flag.DurationVar(&o.queryTime, "query-time", 30*time.Second, "how long to query for")
	flag.IntVar(&o.hangEvery, "hang-every", 100, "with the largest fleet, one node in so many hangs in the end; 0 for none")
	flag.Func("peer-vmis", "numbers of VMIs that Prometheus scrapes for comparison (2000,10000); empty for none", func(text string) (err error) {
		o.peerVMIs, err = numbers(text)
		return err
	})
	flag.StringVar(&o.prometheus, "prometheus", "", "Prometheus's program; Debian's is downloaded when empty")
	flag.StringVar(&o.server, "server", "", "a server's program to measure instead of building this repository's")
	flag.StringVar(&o.out, "out", "bin/bench", "directory below the repository for the report, profiles and logs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func numbers(text string) ([]int, error) {
	var all []int
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number", part)
		}
		all = append(all, n)
	}
	return all, nil
}

func run(ctx context.Context, o options) error {
	var err error
	if o.repository, err = repository(ctx); err != nil {
		return err
	}
	if !filepath.IsAbs(o.out) {
		o.out = filepath.Join(o.repository, o.out)
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return fmt.Errorf("make --out: %w", err)
	}
	programs, err := build(ctx, o)
	if err != nil {
		return err
	}
	// Fleets of tests have the same addresses.
	lock, err := filelock.Await(ctx, "/tmp/gms-fleet.lock", func() { progress("Waiting for another fleet to end.") })
	if err != nil {
		return err
	}
	defer lock.Close()
	b := &bench{options: o, programs: programs, report: &report{}}
	if err := b.runAll(ctx); err != nil {
		return err
	}
	text := b.report.markdown(o)
	fmt.Print("\n", text)
	path := filepath.Join(o.out, "report.md")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	progress("Report and profiles are in %s.", o.out)
	return nil
}

// progress tells a person what is going on.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// repository returns where guest-metrics-server's module is.
func repository(ctx context.Context) (string, error) {
	output, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "guest-metrics-server").Output()
	if err != nil {
		return "", fmt.Errorf("find the repository; run this in test/bench: %w", err)
	}
	return strings.TrimSpace(string(output)), nil
}

// programs are what is run.
type programs struct{ server, handlers, apistub string }

func build(ctx context.Context, o options) (programs, error) {
	dir := filepath.Join(o.out, "programs")
	packages := []string{"./test/fleet/cmd/virt-handlers", "./test/fleet/cmd/apistub"}
	p := programs{server: o.server, handlers: filepath.Join(dir, "virt-handlers"), apistub: filepath.Join(dir, "apistub")}
	if p.server == "" {
		p.server = filepath.Join(dir, "guest-metrics-server")
		packages = append(packages, "./cmd/guest-metrics-server")
	}
	progress("Building (about 3 minutes when nothing is cached).")
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-o", dir + "/"}, packages...)...)
	cmd.Dir = o.repository
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return p, fmt.Errorf("build: %w\n%s", err, output.Bytes())
	}
	return p, nil
}

// bench is all runs.
type bench struct {
	options
	programs programs
	report   *report
}

func (b *bench) runAll(ctx context.Context) error {
	for _, size := range b.sizes {
		if err := b.runSize(ctx, size, size == slices.Max(b.sizes)); err != nil {
			return fmt.Errorf("%d VMIs: %w", size, err)
		}
	}
	for _, size := range b.peerVMIs {
		if slices.Contains(b.sizes, size) {
			continue // Done with the others of that size.
		}
		if err := b.runPeer(ctx, size); err != nil {
			return fmt.Errorf("%d VMIs beside Prometheus: %w", size, err)
		}
	}
	return nil
}
