//go:build e2e

package guest_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"guest-metrics-server/test/guest"
	"guest-metrics-server/test/local"
)

// What the process outside of namespaces, which can download and build, tells the
// one inside.
const (
	stateVariable    = "GMS_GUEST_STATE"
	serverVariable   = "GMS_GUEST_SERVER"
	launcherVariable = "GMS_GUEST_LAUNCHER"
)

func TestMain(m *testing.M) {
	if guest.Inside() {
		os.Exit(m.Run())
	}
	if obstacle := guest.Obstacle(); obstacle != "" {
		fmt.Printf("\n*** THE TEST WITH A REAL GUEST IS SKIPPED: %s. ***\n\n", obstacle)
		return
	}
	code, err := outside()
	if err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
		code = 1
	}
	os.Exit(code)
}

// outside gets everything that has to be downloaded or built, and tests inside of
// namespaces.
func outside() (code int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	state, err := os.MkdirTemp("", "gms-guest-")
	if err != nil {
		return 1, err
	}
	logf := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	if _, err := guest.Unpack(ctx, logf); err != nil {
		return 1, err
	}
	if err := guest.EnsureCompiler(ctx, logf); err != nil {
		return 1, err
	}
	if err := local.Build(ctx, os.Stderr); err != nil {
		return 1, err
	}
	launcher, err := local.BuildLauncher(ctx, os.Stderr)
	if err != nil {
		return 1, err
	}
	server, err := local.BuildServer(ctx, state, os.Stderr)
	if err != nil {
		return 1, err
	}
	code, err = guest.Rerun(stateVariable+"="+state, serverVariable+"="+server, launcherVariable+"="+launcher)
	if code == 0 && err == nil {
		return 0, os.RemoveAll(state)
	}
	fmt.Fprintln(os.Stderr, "guest: the logs are in", state)
	return code, err
}

func statePath(elements ...string) string {
	return filepath.Join(append([]string{os.Getenv(stateVariable)}, elements...)...)
}
