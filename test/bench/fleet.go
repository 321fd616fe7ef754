package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"guest-metrics-server/test/fleet/world"
	"guest-metrics-server/test/process"
)

// Where the processes listen.
const (
	controlAddress = "127.0.0.1:18480"
	apiAddress     = "127.0.0.1:18443"
	serverPort     = 18444
)

// startTimeout is how long a process may take until it listens. Nodes compress
// their responses before: about two minutes for 2,000 of them.
const startTimeout = 10 * time.Minute

// roundsOf returns how many rounds a fleet is scraped for: all that runSize does
// takes its time in rounds, but for the queries.
func (b *bench) roundsOf(vmis int) int {
	const start, spare = 2, 2
	queries := int(b.queryTime/b.interval) + 1
	rounds := start + settleRounds + b.rounds + queries + hangRounds + queries + spare
	if slices.Contains(b.peerVMIs, vmis) {
		rounds += peerSettleRounds + peerRounds
	}
	return rounds
}

// fleet is a running simulation.
type fleet struct {
	world.Fleet
	dir       string
	processes []*process.Process
	commands  []*exec.Cmd // Of the processes.
	handlers  *exec.Cmd
}

// startFleet starts the nodes and the API of a fleet. The caller must stop it,
// also after an error.
func (b *bench) startFleet(ctx context.Context, vmis int) (*fleet, error) {
	f := &fleet{Fleet: world.Fleet{VMIs: vmis, PerNode: b.perNode}, dir: filepath.Join(b.out, strconv.Itoa(vmis))}
	if err := errors.Join(os.RemoveAll(f.dir), os.MkdirAll(f.dir, 0o755)); err != nil {
		return f, err
	}
	size := []string{"--vmis", strconv.Itoa(vmis), "--per-node", strconv.Itoa(b.perNode)}
	f.handlers = exec.CommandContext(ctx, b.programs.handlers, append(size, "--ca-file", f.caFile(), "--control", controlAddress,
		"--templates", filepath.Join(b.repository, "pkg/domainstats/testdata/versions/v1.9"),
		"--interval", b.interval.String(), "--rounds", strconv.Itoa(b.roundsOf(vmis)))...)
	if err := f.start(ctx, "virt-handlers", f.handlers, f.caFile()); err != nil {
		return f, err
	}
	api := exec.CommandContext(ctx, b.programs.apistub, append(size, "--listen", apiAddress,
		"--kubeconfig", f.kubeconfig(), "--kubevirt-ca-file", f.caFile())...)
	return f, f.start(ctx, "apistub", api, f.kubeconfig())
}

func (f *fleet) caFile() string     { return filepath.Join(f.dir, "kubevirt-ca.pem") }
func (f *fleet) kubeconfig() string { return filepath.Join(f.dir, "kubeconfig") }

// start starts a process and waits until it has written a file.
func (f *fleet) start(ctx context.Context, name string, cmd *exec.Cmd, file string) error {
	p, err := process.Start(f.dir, name, cmd)
	if err != nil {
		return err
	}
	f.processes, f.commands = append(f.processes, p), append(f.commands, cmd)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return p.Await(ctx, func(context.Context) error {
		_, err := os.Stat(file)
		return err
	})
}

func (f *fleet) check() error {
	var errs []error
	for _, p := range f.processes {
		errs = append(errs, p.Check())
	}
	return errors.Join(errs...)
}

// foreignCPU returns the CPU time of all processes but ours.
func (f *fleet) foreignCPU() (time.Duration, error) {
	total, err := machineCPU()
	own, err2 := usageOf(os.Getpid())
	total -= own.cpu
	for _, cmd := range f.commands {
		u, err3 := usageOf(cmd.Process.Pid)
		total -= u.cpu
		err = errors.Join(err, err3)
	}
	return total, errors.Join(err, err2)
}

func (f *fleet) stop() {
	for i := len(f.processes) - 1; i >= 0; i-- {
		_ = f.processes[i].Stop()
	}
}

// stopLast stops what was started last.
func (f *fleet) stopLast() {
	last := len(f.processes) - 1
	_ = f.processes[last].Stop()
	f.processes, f.commands = f.processes[:last], f.commands[:last]
}

// hang lets one node in so many hang from now on.
func (f *fleet) hang(ctx context.Context, every int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("http://%s/hang?every=%d", controlAddress, every), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// server is a running guest-metrics-server.
type server struct {
	pid     int
	process *process.Process
	started time.Time
	dir     string
	client  *http.Client
}

// startServer starts the server and waits until it listens.
func (b *bench) startServer(ctx context.Context, f *fleet) (*server, error) {
	certificates := filepath.Join(f.dir, "certificates")
	cmd := exec.CommandContext(ctx, b.programs.server, "--kubeconfig", f.kubeconfig(), "--cert-dir", certificates,
		"--scrape-interval", b.interval.String(), "--rate-window", (3 * b.interval).String(),
		"--bind-address", "127.0.0.1", "--secure-port", strconv.Itoa(serverPort), "--profiling")
	s := &server{started: time.Now(), dir: f.dir}
	if err := f.start(ctx, "guest-metrics-server", cmd, filepath.Join(certificates, "apiserver.crt")); err != nil {
		return nil, err
	}
	s.pid, s.process = cmd.Process.Pid, f.processes[len(f.processes)-1]
	authority, err := os.ReadFile(filepath.Join(certificates, "apiserver.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	s.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, ServerName: "localhost"},
		ForceAttemptHTTP2: true,
	}}
	listening, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return s, s.process.Await(listening, func(ctx context.Context) error {
		_, _, err := s.get(ctx, "/livez", "")
		return err
	})
}

// get asks the server as a user that the stub takes any token of.
func (s *server) get(ctx context.Context, path, accept string) ([]byte, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d%s", serverPort, path), nil)
	if err != nil {
		return nil, "", err
	}
	request.Header.Set("Authorization", "Bearer bench")
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s: %.200s", path, response.Status, body)
	}
	return body, response.Header.Get("Content-Type"), err
}

func (s *server) awaitReady(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	err := s.process.Await(ctx, func(ctx context.Context) error {
		_, _, err := s.get(ctx, "/readyz", "")
		return err
	})
	return time.Since(s.started), err
}

// profile saves one of the server's profiles.
func (s *server) profile(ctx context.Context, path, file string) error {
	profile, _, err := s.get(ctx, "/debug/pprof/"+path, "")
	if err != nil {
		return fmt.Errorf("take a profile: %w", err)
	}
	return os.WriteFile(filepath.Join(s.dir, file), profile, 0o644)
}
