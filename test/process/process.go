package process

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
	"sync"
	"syscall"
	"time"
)

const (
	stopGrace    = 15 * time.Second
	pollInterval = 50 * time.Millisecond
	logTailBytes = 2048
)

// starter starts all children. The kernel is asked to kill a child when its
// parent dies, so that nothing is left behind even after a SIGKILL of this
// process. It takes the *thread* that started the child for the parent, and the
// Go runtime ends threads as it likes: so one goroutine starts all children, and
// keeps its thread as long as this process lives.
var starter = sync.OnceValue(func() chan<- func() {
	starts := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range starts {
			start()
		}
	}()
	return starts
})

// Process is a running child.
type Process struct {
	name    string
	logPath string
	pidPath string
	cmd     *exec.Cmd
	exited  chan struct{} // closed after err is set
	err     error
}

// Start starts a child whose output goes to <name>.log and whose process id to
// <name>.pid in dir. The child is in a process group of its own, so that a Ctrl-C
// in the terminal reaches only us and children are stopped in order. The caller
// must Stop it.
func Start(dir, name string, cmd *exec.Cmd) (*Process, error) {
	child := &Process{
		name:    name,
		logPath: filepath.Join(dir, name+".log"),
		pidPath: filepath.Join(dir, name+".pid"),
		cmd:     cmd,
		exited:  make(chan struct{}),
	}
	log, err := os.OpenFile(child.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL

	started := make(chan error)
	starter() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		child.err = child.cmd.Wait()
		close(child.exited)
	}()
	pid := strconv.Itoa(cmd.Process.Pid) + "\n"
	if err := os.WriteFile(child.pidPath, []byte(pid), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), child.Stop())
	}
	return child, nil
}

// Stop asks the child to end and waits until it has.
func (c *Process) Stop() error {
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

// Check returns an error when the child has ended.
func (c *Process) Check() error {
	select {
	case <-c.exited:
		return fmt.Errorf("%s ended by itself (%v); the end of %s:\n%s", c.name, c.cmd.ProcessState, c.logPath, c.logTail())
	default:
		return nil
	}
}

// Await polls until probe succeeds, the child ends, or the context does.
func (c *Process) Await(ctx context.Context, probe func(context.Context) error) error {
	for {
		if err := c.Check(); err != nil {
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

// LogPath returns where the child's output is.
func (c *Process) LogPath() string { return c.logPath }

// Name returns the name that it was started by.
func (c *Process) Name() string { return c.name }

func (c *Process) logTail() []byte {
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
