package guest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"guest-metrics-server/test/debian"
	"guest-metrics-server/test/process"
)

const (
	libvirtTimeout = 30 * time.Second
	bootTimeout    = 90 * time.Second
)

//go:embed domain.xml
var domainXML string

// Unpack gets the guest's and QEMU's programs.
func Unpack(ctx context.Context, logf func(format string, args ...any)) (*debian.Root, error) {
	return debian.Unpack(ctx, logf, "guest", packages...)
}

// Machine is a machine, inside of namespaces, that can run a guest.
type Machine struct {
	root *debian.Root
	dir  string

	processes []*process.Process // in the order of their start
	qemu      int                // its process id, once there is a guest
	rival     *exec.Cmd          // see Contend
}

// Start makes a machine. Logs are in dir, which must exist. The caller must Stop
// it; a Start that fails has stopped everything itself.
func Start(ctx context.Context, root *debian.Root, dir string) (*Machine, error) {
	m := &Machine{root: root, dir: dir}
	if err := m.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start a machine for a guest: %w", err), m.Stop())
	}
	return m, nil
}

func (m *Machine) start(ctx context.Context) error {
	if err := install(m.root); err != nil {
		return err
	}
	if err := startLoopback(ctx, m.root); err != nil {
		return err
	}
	libvirtd, err := m.run("libvirtd", m.root.Command(context.WithoutCancel(ctx), "usr/sbin/libvirtd"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, libvirtTimeout)
	defer cancel()
	return libvirtd.Await(ctx, func(context.Context) error {
		_, err := os.Stat("/run/libvirt/libvirt-sock")
		return err
	})
}

// Stop stops everything in reverse order. The namespaces end with this process.
func (m *Machine) Stop() error {
	errs := []error{m.stopRival()}
	for i := len(m.processes) - 1; i >= 0; i-- {
		errs = append(errs, m.processes[i].Stop())
	}
	m.processes = nil
	return errors.Join(errs...)
}

// Check returns an error when the guest's launcher or libvirt has ended.
func (m *Machine) Check() error {
	for _, p := range m.processes {
		if err := p.Check(); err != nil {
			return err
		}
	}
	return nil
}

func (m *Machine) run(name string, cmd *exec.Cmd) (*process.Process, error) {
	p, err := process.Start(m.dir, name, cmd)
	if err != nil {
		return nil, err
	}
	m.processes = append(m.processes, p)
	return p, nil
}

// Launcher says how a guest is run.
type Launcher struct {
	Program string // A virt-launcher.
	Domain  string // The guest's name in libvirt.

	PodUID  string
	Address netip.Addr // The launcher pod's, and so the guest's.
	PodsDir string     // Directory of all pods' sockets.
}

// Boot runs a guest, and returns when its web server answers. A machine boots one
// guest in its life. The launcher does not cache the guest's statistics, so that
// they are as old as they are said to be.
func (m *Machine) Boot(ctx context.Context, l Launcher) (*Guest, error) {
	image, err := writeImage(m.root, m.dir)
	if err != nil {
		return nil, err
	}
	if err := connect(ctx, m.root, l.Address); err != nil {
		return nil, fmt.Errorf("make the guest's network: %w", err)
	}
	domain, console := filepath.Join(m.dir, "domain.xml"), filepath.Join(m.dir, "console.log")
	text := strings.NewReplacer("{name}", l.Domain, "{kernel}", image.kernel, "{initramfs}", image.initramfs,
		"{address}", l.Address.String(), "{gateway}", gateway.String(), "{tap}", tap, "{console}", console).Replace(domainXML)
	if err := os.WriteFile(domain, []byte(text), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(l.Program, "--stats-cache=false", "--domain="+domain, "--pods-dir="+l.PodsDir, "--pod-uid="+l.PodUID)
	cmd.Env = m.root.Command(ctx, "").Env // It needs the packages' libraries too.
	virtLauncher, err := m.run("virt-launcher", cmd)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, bootTimeout, fmt.Errorf("the guest did not boot within %v; its console is in %s", bootTimeout, console))
	defer cancel()
	if err := virtLauncher.Await(ctx, func(context.Context) error { return m.findQEMU(l.Domain) }); err != nil {
		return nil, err
	}
	if err := prefer(m.qemu); err != nil {
		return nil, err
	}
	guest := &Guest{address: l.Address}
	return guest, virtLauncher.Await(ctx, func(ctx context.Context) error {
		_, err := guest.Count(ctx)
		return err
	})
}
