package process

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestProcessStopsWhenAsked(t *testing.T) {
	dir := t.TempDir()
	child, err := Start(dir, "sleeper", exec.Command("sleep", "600"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "sleeper.pid")); err != nil {
		t.Error(err)
	}
	if err := child.Check(); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	for range 2 { // the second is for a process that ended meanwhile
		if err := child.Stop(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "sleeper.pid")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its pid file: %v, want none", err)
	}
}

func TestProcessThatEndsByItselfIsFoundOut(t *testing.T) {
	child, err := Start(t.TempDir(), "broken", exec.Command("sh", "-c", "echo no such flag >&2; exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	err = child.Await(t.Context(), func(context.Context) error { return errors.New("not yet") })
	if err == nil || !strings.Contains(err.Error(), "broken ended by itself (exit status 3)") || !strings.Contains(err.Error(), "no such flag") {
		t.Errorf("the error is %v, without the end of the process and of its log", err)
	}
}

func TestProcessIsAwaitedNoLongerThanTheContext(t *testing.T) {
	child, err := Start(t.TempDir(), "sleeper", exec.Command("sleep", "600"))
	if err != nil {
		t.Fatal(err)
	}
	defer child.Stop() //nolint:errcheck // not what is tested
	ctx, cancel := context.WithCancelCause(t.Context())
	patience, notYet := errors.New("out of patience"), errors.New("not yet")
	err = child.Await(ctx, func(context.Context) error { cancel(patience); return notYet })
	if !errors.Is(err, patience) || !errors.Is(err, notYet) {
		t.Errorf("the error is %v, without why the wait ended and what was waited for", err)
	}
}

func TestProcessDoesNotOutliveItsParent(t *testing.T) {
	if dir := os.Getenv("GMS_TEST_PARENT_IN"); dir != "" { // the parent that is to be killed
		if _, err := Start(dir, "sleeper", exec.Command("sh", "-c", `exec sleep 60 >"$0"`, filepath.Join(dir, "alive"))); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	dir := t.TempDir()
	alive := filepath.Join(dir, "alive")
	if err := syscall.Mkfifo(alive, 0o600); err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	parent.Env = append(os.Environ(), "GMS_TEST_PARENT_IN="+dir)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(alive) // waits until the sleeper has opened it
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	parent.Wait() //nolint:errcheck // it was killed
	killed := time.Now()
	if _, err := io.ReadAll(held); err != nil { // ends when the sleeper has
		t.Fatal(err)
	}
	if outlived := time.Since(killed); outlived > 30*time.Second {
		t.Errorf("the child ended %v after its parent, so by itself", outlived)
	}
}
