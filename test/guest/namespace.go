package guest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

// insideVariable is set in the environment of the process inside of namespaces.
const insideVariable = "GMS_GUEST_INSIDE"

const namespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID

// Obstacle returns why this machine cannot run guests, "" when it can.
func Obstacle() string {
	if runtime.GOARCH != "amd64" {
		return "the guest is a PC (amd64), and this machine is " + runtime.GOARCH
	}
	if os.Geteuid() != 0 {
		return "it takes root, for namespaces and a network device: try `sudo make test-guest`"
	}
	for _, program := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Sprintf("there is no %s to get QEMU, libvirt and a kernel with: this takes Debian", program)
		}
	}
	if err := tryNamespaces(); err != nil {
		return fmt.Sprintf("this machine grants no namespaces for mounts, network and processes (a container needs --privileged): %v", err)
	}
	return ""
}

// tryNamespaces does in namespaces nothing but what Enter needs.
func tryNamespaces() error {
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return err
	}
	try := exec.Command("mount", "-t", "tmpfs", "none", "/run")
	try.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Unshareflags: syscall.CLONE_NEWNS}
	if output, err := try.CombinedOutput(); err != nil {
		return fmt.Errorf("%w %s", err, output)
	}
	return nil
}

// Inside reports whether this process is one that Rerun has started.
//
// The first process in there has to collect all that end and have no parent left,
// which a program that starts others by itself cannot: Inside does nothing else
// then, and does not return.
func Inside() bool {
	switch os.Getenv(insideVariable) {
	case "":
		return false
	case asFirst:
		code, err := first()
		if err != nil {
			fmt.Fprintln(os.Stderr, "the first process of the namespaces:", err)
		}
		os.Exit(code)
	}
	return true
}

// Values of insideVariable.
const asFirst, asSecond = "first", "second"

// Rerun runs this program again, inside of namespaces, and returns its exit code.
// All processes in there are killed when it ends, or when this process does.
func Rerun(environment ...string) (int, error) {
	runtime.LockOSThread() // The child dies with the thread that started it.
	defer runtime.UnlockOSThread()
	again := self(append(environment, insideVariable+"="+asFirst))
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   namespaces,
		Unshareflags: syscall.CLONE_NEWNS, // Go makes mounts private with it.
		Pdeathsig:    syscall.SIGKILL,
	}
	// It gets the terminal's Ctrl-C too. We stay until it has ended.
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	err := again.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return max(1, exit.ExitCode()), nil
	}
	return 0, err
}

// first starts the second process, and returns its exit code when it has ended.
func first() (int, error) {
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	second := self([]string{insideVariable + "=" + asSecond})
	if err := second.Start(); err != nil {
		return 1, err
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return 1, err
		}
		if pid == second.Process.Pid && status.Signaled() {
			return 1, fmt.Errorf("the second was ended by %v", status.Signal())
		}
		if pid == second.Process.Pid {
			return status.ExitStatus(), nil
		}
	}
}

// self is the command that runs this program with what is in its environment, and
// more.
func self(environment []string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}
