package guest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"guest-metrics-server/test/process"
)

// Shares of the host's CPUs, as a nice value of QEMU's session: to the scheduler
// that counts, and not how nice a process is within its session.
const (
	preferred = "-19" // over all else that runs on a busy machine
	equal     = "0"
)

func (m *Machine) findQEMU(domain string) error {
	pid, err := os.ReadFile(filepath.Join("/run/libvirt/qemu", domain+".pid"))
	m.qemu = strings.TrimSpace(string(pid))
	return err
}

func (m *Machine) setShare(nice string) error {
	group := filepath.Join("/proc", m.qemu, "autogroup")
	if _, err := os.Stat(group); errors.Is(err, os.ErrNotExist) {
		return nil // The kernel has no such groups: the guest takes its chance.
	}
	return os.WriteFile(group, []byte(nice), 0)
}

// Contend makes the host's CPU busy on which the guest is from now on: the guest
// gets half of what it wants, and waits for the other half. It does not end.
func (m *Machine) Contend() error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, cpus, _ := strings.Cut(string(status), "Cpus_allowed_list:\t")
	cpu := cpus[:strings.IndexAny(cpus, ",-\n")]
	if output, err := exec.Command("taskset", "--all-tasks", "--cpu-list", "--pid", cpu, m.qemu).CombinedOutput(); err != nil {
		return fmt.Errorf("bind QEMU to CPU %s: %w: %s", cpu, err, output)
	}
	spin := exec.Command("taskset", "--cpu-list", cpu, "sh", "-c", "while :; do :; done")
	rival, err := process.Start(m.dir, "rival", spin)
	if err != nil {
		return err
	}
	m.processes = append(m.processes, rival)
	return m.setShare(equal)
}
