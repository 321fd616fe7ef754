package local

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"guest-metrics-server/test/cache"
)

// module is a Go module of the local cluster, with the programs built from it.
type module struct {
	name     string
	dir      string // below the repository
	what     string
	cold     string // how long it takes with an empty build cache
	ldflags  string
	tags     string
	cgo      bool
	packages []string
}

// launcher is not of the cluster: it takes a C compiler, and libvirt to run.
var launcher = module{
	name: "launcher", dir: "test/kubevirt",
	what: "virt-launcher over libvirt", cold: "4 minutes",
	ldflags: "-s -w", tags: "libvirt_dlopen", cgo: true,
	packages: []string{"./cmd/virt-launcher"},
}

var modules = []module{
	{
		name: "cluster", dir: "test/cluster",
		what: "etcd, kube-apiserver, kube-controller-manager and kubectl", cold: "8 minutes",
		ldflags:  "-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2",
		packages: []string{"./cmd/controlplane"},
	},
	{
		name: "kubevirt", dir: "test/kubevirt",
		what: "virt-controller and KubeVirt's exporter", cold: "5 minutes",
		ldflags:  "-s -w",
		packages: []string{"kubevirt.io/kubevirt/cmd/virt-controller", "./cmd/crds", "./cmd/fake-node", "./cmd/virt-handler-exporter"},
	},
}

// binaries are the paths of the built programs, by name.
type binaries map[string]string

// Build builds what Start needs, so that a later Start takes no time for it and
// needs no network.
func Build(ctx context.Context, progress io.Writer) error {
	repository, err := findRepository(ctx)
	if err != nil {
		return err
	}
	_, err = build(ctx, repository, progress)
	return err
}

// BuildLauncher builds a virt-launcher for real guests and returns its path.
func BuildLauncher(ctx context.Context, progress io.Writer) (string, error) {
	repository, err := findRepository(ctx)
	if err != nil {
		return "", err
	}
	kept, err := cache.User()
	if err != nil {
		return "", err
	}
	dir, err := launcher.build(ctx, repository, kept, progress)
	if err != nil {
		return "", fmt.Errorf("build virt-launcher, for which a C compiler is needed (`apt-get install gcc libc6-dev`): %w", err)
	}
	return filepath.Join(dir, "virt-launcher"), nil
}

// build builds every module, or finds it built before. Programs are kept in the
// user's cache directory under a hash of all that goes into them, so that a clean
// checkout does not compile Kubernetes again.
func build(ctx context.Context, repository string, progress io.Writer) (binaries, error) {
	kept, err := cache.User()
	if err != nil {
		return nil, err
	}
	built := binaries{}
	for _, m := range modules {
		dir, err := m.build(ctx, repository, kept, progress)
		if err != nil {
			return nil, fmt.Errorf("build %s: %w", m.dir, err)
		}
		for _, p := range m.packages {
			name := filepath.Base(p)
			built[name] = filepath.Join(dir, name)
		}
	}
	return built, nil
}

// build returns the directory of the module's programs.
func (m module) build(ctx context.Context, repository string, kept cache.Dir, progress io.Writer) (string, error) {
	source := filepath.Join(repository, m.dir)
	key, err := m.key(ctx, source)
	if err != nil {
		return "", err
	}
	logf := func(format string, args ...any) { fmt.Fprintf(progress, format+"\n", args...) }
	return kept.Get(ctx, logf, cache.Entry{Name: m.name, Key: key, Make: func(ctx context.Context, dir string) error {
		logf("Building %s, once: about %s on two cores when nothing is cached.", m.what, m.cold)
		start := time.Now()
		if err := m.compile(ctx, source, dir, progress); err != nil {
			return err
		}
		logf("Built %s in %v.", m.what, time.Since(start).Round(time.Second))
		return nil
	}})
}

// key hashes what the programs are made of.
func (m module) key(ctx context.Context, source string) (string, error) {
	version, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	if err != nil {
		return "", fmt.Errorf("run go, which must be in PATH: %w", err)
	}
	sum := sha256.New()
	fmt.Fprintln(sum, strings.TrimSpace(string(version)), runtime.GOARCH, m.ldflags, m.tags, m.packages)
	if err := hashSources(sum, source); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8]), nil
}

func hashSources(sum hash.Hash, dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		isSource := name == "go.mod" || name == "go.sum" ||
			strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		if err != nil || !entry.Type().IsRegular() || !isSource {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		fmt.Fprintln(sum, relative, len(content))
		sum.Write(content)
		return err
	})
}

// compile runs the Go tool twice: the first time downloads all modules and counts
// the packages, so that the second can say how far it is.
func (m module) compile(ctx context.Context, source, target string, progress io.Writer) error {
	list := goTool{dir: source, cgo: m.cgo, args: append([]string{"list", "-deps", "-tags", m.tags}, m.packages...)}
	packages, err := list.run(ctx, func(lines int) {
		fmt.Fprintf(progress, "  downloading modules: %d\n", lines)
	})
	if err != nil {
		return err
	}
	total := bytes.Count(packages, []byte("\n"))
	start := time.Now()
	flags := []string{"build", "-v", "-buildvcs=false", "-tags", m.tags, "-ldflags", m.ldflags, "-o", target + "/"}
	compile := goTool{dir: source, cgo: m.cgo, args: append(flags, m.packages...)}
	_, err = compile.run(ctx, func(lines int) {
		fmt.Fprintf(progress, "  compiling: %d of at most %d packages after %v\n", lines, total, time.Since(start).Round(time.Second))
	})
	return err
}
