package local

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	progressInterval = 15 * time.Second
	interruptGrace   = 10 * time.Second
	errorLines       = 20
)

// goTool is a run of the Go tool.
type goTool struct {
	dir  string
	args []string
	cgo  bool
}

// run returns the tool's standard output. Meanwhile it reports the number of
// lines on standard error, which is one for each module that is downloaded and,
// with -v, for each package that is compiled.
func (g goTool) run(ctx context.Context, report func(lines int)) ([]byte, error) {
	var stdout bytes.Buffer
	var stderr lineWriter
	cmd := exec.CommandContext(ctx, "go", g.args...)
	cmd.Dir = g.dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if g.cgo {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=1")
	}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// Interrupted, the tool ends its compilers; killed, it leaves them running.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = interruptGrace

	done := make(chan struct{})
	var reporting sync.WaitGroup
	reporting.Go(func() {
		ticker := time.NewTicker(progressInterval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				report(len(stderr.lines()))
			}
		}
	})
	err := cmd.Run()
	close(done)
	reporting.Wait()
	if err != nil {
		lines := stderr.lines()
		tail := lines[max(0, len(lines)-errorLines):]
		return nil, fmt.Errorf("go %s in %s: %w:\n%s", g.args[0], g.dir, err, strings.Join(tail, "\n"))
	}
	return stdout.Bytes(), nil
}

// lineWriter keeps what is written to it, to be read at any time as lines.
type lineWriter struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *lineWriter) lines() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.text.Len() == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(w.text.String(), "\n"), "\n")
}
