package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

const (
	stopGrace    = 15 * time.Second
	pollInterval = 50 * time.Millisecond
	logTailBytes = 2048
)

// parent starts child processes. The kernel is asked to kill a child when its
// parent dies, so that nothing is left behind even after a SIGKILL of this
// process. It takes the *thread* that started the child for the parent, and the
// Go runtime ends threads as it likes: so all children are started by one
// goroutine that keeps its thread until close.
type parent struct {
	starts chan func()
	ended  chan struct{}
}

func newParent() *parent {
	p := &parent{starts: make(chan func()), ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for start := range p.starts {
			start()
		}
	}()
	return p
}

// close ends the goroutine. Children are to be stopped before.
func (p *parent) close() {
	close(p.starts)
	<-p.ended
}

// process is a running child.
type process struct {
	name    string
	logPath string
	pidPath string
	cmd     *exec.Cmd
	exited  chan struct{} // closed after err is set
	err     error
}

// start starts a child whose output goes to <name>.log and whose process id to
// <name>.pid in dir. The child is in a process group of its own, so that a Ctrl-C
// in the terminal reaches only us and children are stopped in order.
func (p *parent) start(dir, name, binary string, args ...string) (*process, error) {
	child := &process{
		name:    name,
		logPath: filepath.Join(dir, name+".log"),
		pidPath: filepath.Join(dir, name+".pid"),
		cmd:     exec.Command(binary, args...),
		exited:  make(chan struct{}),
	}
	log, err := os.OpenFile(child.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer log.Close()
	child.cmd.Stdout, child.cmd.Stderr = log, log
	child.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}

	started := make(chan error)
	p.starts <- func() { started <- child.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		child.err = child.cmd.Wait()
		close(child.exited)
	}()
	pid := strconv.Itoa(child.cmd.Process.Pid) + "\n"
	if err := os.WriteFile(child.pidPath, []byte(pid), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), child.stop())
	}
	return child, nil
}

// stop asks the child to end and waits until it has.
func (c *process) stop() error {
	defer os.Remove(c.pidPath)
	select {
	case <-c.exited:
		return nil
	default:
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", c.name, err)
	}
	select {
	case <-c.exited:
		return nil
	case <-time.After(stopGrace):
	}
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", c.name, err)
	}
	<-c.exited
	return fmt.Errorf("%s did not end within %v of SIGTERM and was killed: see %s", c.name, stopGrace, c.logPath)
}

// check returns an error when the child has ended.
func (c *process) check() error {
	select {
	case <-c.exited:
		return fmt.Errorf("%s ended by itself (%v); the end of %s:\n%s", c.name, c.cmd.ProcessState, c.logPath, c.logTail())
	default:
		return nil
	}
}

// await polls until probe succeeds, the child ends, or the context does.
func (c *process) await(ctx context.Context, probe func(context.Context) error) error {
	for {
		if err := c.check(); err != nil {
			return err
		}
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := probe(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w (last: %w); see %s", c.name, context.Cause(ctx), err, c.logPath)
		case <-c.exited:
		case <-time.After(pollInterval):
		}
	}
}

func (c *process) logTail() []byte {
	log, err := os.ReadFile(c.logPath)
	if err != nil {
		return []byte(err.Error())
	}
	if len(log) > logTailBytes {
		log = log[len(log)-logTailBytes:]
		_, log, _ = bytes.Cut(log, []byte("\n"))
	}
	return bytes.TrimSpace(log)
}
