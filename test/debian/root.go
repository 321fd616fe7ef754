package debian

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"guest-metrics-server/test/cache"
)

// Root is a directory with the files of packages, as they would be below /. No
// script of a package has run: there are no users, links of alternatives or
// services that such scripts would make.
type Root struct {
	dir       string
	libraries string // As LD_LIBRARY_PATH wants them.
}

// Unpack downloads packages with their dependencies that are not installed on
// this machine, and unpacks them. The packages themselves are always downloaded,
// so that it does not matter whether they are installed. The result is kept in
// the user's cache directory, by name, packages and the version of the system,
// and must not be written to.
func Unpack(ctx context.Context, logf func(format string, args ...any), name string, packages ...string) (*Root, error) {
	kept, err := cache.User()
	if err != nil {
		return nil, err
	}
	root, err := unpack(ctx, logf, kept, name, packages)
	if err != nil {
		return nil, fmt.Errorf("get the Debian packages %s: %w", strings.Join(packages, ", "), err)
	}
	return root, nil
}

func unpack(ctx context.Context, logf func(format string, args ...any), kept cache.Dir, name string, packages []string) (*Root, error) {
	key, err := key(packages)
	if err != nil {
		return nil, err
	}
	dir, err := kept.Get(ctx, logf, cache.Entry{Name: "debian-" + name, Key: key, Make: func(ctx context.Context, dir string) error {
		return download(ctx, logf, dir, packages)
	}})
	if err != nil {
		return nil, err
	}
	return newRoot(dir)
}

// key hashes what the files depend on. What is installed is not part of it: most
// of that is changed all the time, and of no use to the packages.
func key(packages []string) (string, error) {
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", fmt.Errorf("find out which system this is: %w", err)
	}
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.GOARCH, packages, string(release))
	return fmt.Sprintf("%x", sum.Sum(nil)[:8]), nil
}

func newRoot(dir string) (*Root, error) {
	root := &Root{dir: dir}
	var libraries []string
	for _, pattern := range []string{"usr/lib/*-linux-gnu*", "lib/*-linux-gnu*"} {
		found, err := fs.Glob(os.DirFS(dir), pattern)
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			libraries = append(libraries, root.Path(path))
		}
	}
	root.libraries = strings.Join(libraries, ":")
	return root, nil
}

// Path returns the path of a file that would be at /<path>.
func (r *Root) Path(path string) string { return filepath.Join(r.dir, path) }

// Command returns the command to run a program that would be at /<program>, with
// the libraries that came with it.
func (r *Root) Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.Path(program), args...)
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+r.libraries)
	return cmd
}
