package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"guest-metrics-server/test/certificate"
	"guest-metrics-server/test/process"
)

// startTimeout is for everything but building. A cold page cache on a busy
// machine needs most of it, a normal start a tenth.
const startTimeout = 4 * time.Minute

// Options say how to start a cluster.
type Options struct {
	// StateDir gets logs, process ids and kubeconfigs. It is made when missing,
	// and what a former cluster left in it is removed.
	StateDir string

	// Progress gets a line for each step. Nil keeps silent.
	Progress io.Writer

	// Nodes is the number of nodes, 2 when zero. They are called node01, node02
	// and so on.
	Nodes int

	// ControllerManagerFlags come after those that kube-controller-manager gets
	// anyway, and overrule them.
	ControllerManagerFlags []string
}

// Cluster is a running cluster. Its methods may be called from any goroutine.
type Cluster struct {
	options    Options
	repository string
	state      *state
	block      *block
	binaries   binaries

	ca, frontProxyCA, kubevirtCA *certificate.Authority
	admin                        *rest.Config
	kube                         kubernetes.Interface

	mu        sync.Mutex
	processes []*process.Process // in the order of their start
}

// Start builds what is not built yet and starts a cluster. It returns when pools
// can be applied. The caller must call Stop, also when the context has ended; a
// Start that fails has stopped everything itself.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.Nodes == 0 {
		o.Nodes = 2
	}
	repository, err := findRepository(ctx)
	if err != nil {
		return nil, err
	}
	c := &Cluster{options: o, repository: repository}
	if c.state, err = openState(o.StateDir); err != nil {
		return nil, err
	}
	if c.binaries, err = build(ctx, repository, o.Progress); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not started after %v", startTimeout))
	defer cancel()
	if err := c.startAll(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the local cluster: %w", err), c.Stop())
	}
	return c, nil
}

// startAll starts everything in the order of who needs whom.
func (c *Cluster) startAll(ctx context.Context) error {
	if err := c.prepare(); err != nil {
		return err
	}
	steps := []struct {
		what string
		run  func(context.Context) error
	}{
		{"etcd", c.startEtcd},
		{"kube-apiserver", c.startAPIServer},
		{"KubeVirt's CRDs", c.installCRDs},
		{"kube-controller-manager", c.startControllerManager},
		{"KubeVirt's namespace and CA", c.installKubeVirt},
		{"virt-controller", c.startVirtController},
		{"nodes", c.startFakeNode},
		{"virt-handlers' exporters", c.startExporters},
	}
	for _, step := range steps {
		began := time.Now()
		if err := step.run(ctx); err != nil {
			return err
		}
		fmt.Fprintf(c.options.Progress, "Started %s in %.1f s.\n", step.what, time.Since(began).Seconds())
	}
	return nil
}

// prepare makes all that does not need a process.
func (c *Cluster) prepare() error {
	var err error
	if c.block, err = reserveBlock(); err != nil {
		return err
	}
	if err := c.block.checkServerPort(); err != nil {
		return err
	}
	for name, ca := range map[string]**certificate.Authority{
		"local-ca":             &c.ca,
		"local-front-proxy-ca": &c.frontProxyCA,
		"kubevirt.io":          &c.kubevirtCA,
	} {
		if *ca, err = certificate.NewAuthority(name); err != nil {
			return err
		}
	}
	if c.admin, err = c.UserConfig("admin", "system:masters"); err != nil {
		return err
	}
	if c.kube, err = kubernetes.NewForConfig(c.admin); err != nil {
		return fmt.Errorf("make a Kubernetes client: %w", err)
	}
	return errors.Join(c.writeCredentials(), c.writeKubeVirtCredentials(), c.writeKubectl())
}

func (c *Cluster) startExporters(ctx context.Context) error {
	for _, node := range c.nodes() {
		if err := c.StartExporter(ctx, node); err != nil {
			return err
		}
	}
	return nil
}

// Stop stops all processes in reverse order, waits for each, and leaves the logs.
// A second Stop does nothing.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, p := range slices.Backward(c.processes) {
		errs = append(errs, p.Stop())
	}
	c.processes = nil
	if c.block != nil {
		errs = append(errs, c.block.release())
		c.block = nil
	}
	if c.state.lock != nil {
		errs = append(errs, c.state.lock.Close())
		c.state.lock = nil
	}
	return errors.Join(errs...)
}

// Check returns an error when a process has ended that nobody stopped.
func (c *Cluster) Check() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.processes {
		if err := p.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Nodes returns the names of the nodes.
func (c *Cluster) Nodes() []string { return c.nodes() }

// RESTConfig returns the administrator's configuration, for the caller to change.
func (c *Cluster) RESTConfig() *rest.Config { return rest.CopyConfig(c.admin) }

// Kubeconfig returns the path of the administrator's kubeconfig.
func (c *Cluster) Kubeconfig() string { return c.state.path("admin.kubeconfig") }

// PodsDir returns the directory with the sockets of launcher pods, where the
// launcher of a real guest puts its own.
func (c *Cluster) PodsDir() string { return c.block.podsDir }

// UserConfig returns the configuration of a user with a client certificate, as a
// test of RBAC needs it. The groups come on top of system:authenticated.
func (c *Cluster) UserConfig(name string, groups ...string) (*rest.Config, error) {
	user, err := c.ca.Client(name, groups...)
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host: "https://" + hostPort(c.block.controlPlane(), apiServerPort),
		TLSClientConfig: rest.TLSClientConfig{
			CAData:   c.ca.PEM,
			CertData: user.Certificate,
			KeyData:  user.Key,
		},
	}, nil
}

func (c *Cluster) nodes() []string {
	var names []string
	for number := range c.options.Nodes {
		names = append(names, fmt.Sprintf("node%02d", number+1))
	}
	return names
}

// start starts a process that Stop will stop.
func (c *Cluster) start(name, binary string, args ...string) (*process.Process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.block == nil {
		return nil, fmt.Errorf("start %s: the cluster is stopped", name)
	}
	if slices.ContainsFunc(c.processes, func(p *process.Process) bool { return p.Name() == name }) {
		return nil, fmt.Errorf("start %s: it is started already", name)
	}
	p, err := process.Start(c.state.dir, name, exec.Command(binary, args...))
	if err != nil {
		return nil, err
	}
	c.processes = append(c.processes, p)
	return p, nil
}

// stop stops one process before all others.
func (c *Cluster) stop(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.processes, func(p *process.Process) bool { return p.Name() == name })
	if i < 0 {
		return fmt.Errorf("stop %s: it is not started", name)
	}
	p := c.processes[i]
	c.processes = slices.Delete(c.processes, i, i+1)
	return p.Stop()
}

// findRepository finds the sources by the module of the working directory.
func findRepository(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Path}}\t{{.Dir}}")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("run go, which must be in PATH, inside of the repository: %w", err)
	}
	path, dir, _ := strings.Cut(strings.TrimSpace(string(output)), "\t")
	if path != "guest-metrics-server" {
		return "", fmt.Errorf("the local cluster is built from source: run this inside of the guest-metrics-server repository, not of %s", path)
	}
	return filepath.Clean(dir), nil
}
