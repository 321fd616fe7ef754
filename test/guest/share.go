package guest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

func (m *Machine) findQEMU(domain string) error {
	text, err := os.ReadFile(filepath.Join("/run/libvirt/qemu", domain+".pid"))
	if err != nil {
		return err
	}
	m.qemu, err = strconv.Atoi(strings.TrimSpace(string(text)))
	return err
}

// prefer gives the session of a process as much of the CPUs as it wants, on a busy
// machine too. To the scheduler the session is what counts, and not how nice a
// process is within it.
func prefer(pid int) error {
	group := fmt.Sprintf("/proc/%d/autogroup", pid)
	if _, err := os.Stat(group); errors.Is(err, os.ErrNotExist) {
		return nil // The kernel has no such groups: the process takes its chance.
	}
	return os.WriteFile(group, []byte("-19"), 0)
}

// Contend binds the guest to one of the host's CPUs, and starts a rival there that
// is preferred as much: the guest gets half of that CPU, and waits for the other
// half. That lasts until Stop.
func (m *Machine) Contend() error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, cpus, _ := strings.Cut(string(status), "Cpus_allowed_list:\t")
	cpu := cpus[:strings.IndexAny(cpus, ",-\n")]
	output, err := exec.Command("taskset", "--all-tasks", "--cpu-list", "--pid", cpu, strconv.Itoa(m.qemu)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("bind QEMU to CPU %s: %w: %s", cpu, err, output)
	}
	m.rival = exec.Command("taskset", "--cpu-list", cpu, "sh", "-c", "while :; do :; done")
	m.rival.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := m.rival.Start(); err != nil {
		return fmt.Errorf("start the guest's rival: %w", err)
	}
	return prefer(m.rival.Process.Pid)
}

func (m *Machine) stopRival() error {
	if m.rival == nil || m.rival.Process == nil {
		return nil
	}
	if err := m.rival.Process.Kill(); err != nil {
		return err
	}
	_ = m.rival.Wait() // It was killed.
	m.rival = nil
	return nil
}
