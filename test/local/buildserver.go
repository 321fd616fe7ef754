package local

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"
)

// BuildServer builds the repository's guest-metrics-server into a directory and
// returns its path.
func BuildServer(ctx context.Context, dir string, progress io.Writer) (string, error) {
	return buildCommand(ctx, "guest-metrics-server", dir, progress)
}

// BuildPlugin builds the repository's plugin for kubectl into a directory and
// returns its path.
func BuildPlugin(ctx context.Context, dir string, progress io.Writer) (string, error) {
	return buildCommand(ctx, "kubectl-guest_metrics", dir, progress)
}

// buildCommand builds a command. The Go tool's own cache makes it quick from the
// second time.
func buildCommand(ctx context.Context, command, dir string, progress io.Writer) (string, error) {
	repository, err := findRepository(ctx)
	if err != nil {
		return "", err
	}
	m := module{dir: ".", ldflags: "-s -w", packages: []string{"./cmd/" + command}}
	fmt.Fprintf(progress, "Building %s: about 3 minutes on two cores when nothing is cached.\n", command)
	start := time.Now()
	if err := m.compile(ctx, repository, dir, progress); err != nil {
		return "", fmt.Errorf("build %s: %w", command, err)
	}
	fmt.Fprintf(progress, "Built %s in %v.\n", command, time.Since(start).Round(time.Second))
	return filepath.Join(dir, command), nil
}
