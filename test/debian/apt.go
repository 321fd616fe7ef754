package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const errorLines = 20

// download fills dir with the files of packages and of those that they need.
func download(ctx context.Context, logf func(format string, args ...any), dir string, packages []string) error {
	began := time.Now()
	logf("Downloading Debian packages, once: %s, and what they need. With the list of all packages that is 10 MB and more.", strings.Join(packages, ", "))
	a := apt{dir: filepath.Join(dir, ".apt")}
	if err := a.configure(ctx); err != nil {
		return err
	}
	// Of several sources one may be gone that is not needed: whether the packages
	// are there shows below.
	updateErr := a.run(ctx, "apt-get", "--quiet", "update")
	install := []string{"--quiet", "--yes", "--no-install-recommends", "--reinstall", "--download-only", "install"}
	if err := a.run(ctx, "apt-get", append(install, packages...)...); err != nil {
		return errors.Join(fmt.Errorf("%w\nSee whether `apt-get update` and `apt-get --download-only install %s` work here", err, strings.Join(packages, " ")), updateErr)
	}
	archives, err := filepath.Glob(filepath.Join(a.dir, "cache", "archives", "*.deb"))
	if err != nil {
		return err
	}
	var size int64
	for _, archive := range archives {
		info, err := os.Stat(archive)
		if err != nil {
			return err
		}
		size += info.Size()
		if err := a.run(ctx, "dpkg-deb", "--extract", archive, dir); err != nil {
			return err
		}
	}
	logf("Unpacked %d Debian packages of %.1f MB, %.1f s after the start.", len(archives), float64(size)/1e6, time.Since(began).Seconds())
	return os.RemoveAll(a.dir)
}

// apt is the machine's package manager, with its sources and what it knows to be
// installed, but with files of its own: everything that it writes is below dir.
type apt struct {
	dir string
}

// configure writes a configuration that is the machine's, without its hooks after
// an update, since they change the system, and without other indexes than the
// packages', which are large.
func (a apt) configure(ctx context.Context) error {
	for _, dir := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, dir), 0o755); err != nil {
			return err
		}
	}
	machines, err := exec.CommandContext(ctx, "apt-config", "dump").Output()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("it takes apt-get, which is not on this machine: run this on Debian, Ubuntu or the like, for example in a container of the image debian:12: %w", err)
	}
	if err != nil {
		return fmt.Errorf("read apt's configuration: %w", err)
	}
	var text strings.Builder
	for line := range strings.Lines(string(machines)) {
		otherIndex := strings.HasPrefix(line, "Acquire::IndexTargets::") && !strings.HasPrefix(line, "Acquire::IndexTargets::deb::Packages")
		if !otherIndex && !strings.HasPrefix(line, "APT::Update::") {
			text.WriteString(line)
		}
	}
	for name, value := range map[string]string{
		"Dir::Etc::main":       "/dev/null", // Is in here already.
		"Dir::Etc::parts":      "/dev/null",
		"Dir::State":           filepath.Join(a.dir, "state"),
		"Dir::State::lists":    "lists/",
		"Dir::Cache":           filepath.Join(a.dir, "cache"),
		"Dir::Cache::archives": "archives/",
		"Debug::NoLocking":     "true", // Others may install meanwhile.
		"APT::Sandbox::User":   "root", // Another user could not write to dir.
	} {
		fmt.Fprintf(&text, "%s %q;\n", name, value)
	}
	return os.WriteFile(a.configuration(), []byte(text.String()), 0o600)
}

func (a apt) configuration() string { return filepath.Join(a.dir, "apt.conf") }

// run runs a program, whose last lines are in the error.
func (a apt) run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "APT_CONFIG="+a.configuration(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	output, err := cmd.CombinedOutput()
	if err != nil {
		lines := bytes.SplitAfter(bytes.TrimSpace(output), []byte("\n"))
		tail := lines[max(0, len(lines)-errorLines):]
		return fmt.Errorf("run %s %s: %w:\n%s", program, strings.Join(args, " "), err, bytes.Join(tail, nil))
	}
	return nil
}
