package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"guest-metrics-server/test/debian"
)

// configuration is libvirt's, for one user on one machine without systemd.
var configuration = map[string]string{
	"/etc/libvirt/libvirtd.conf": `
auth_unix_ro = "none"
auth_unix_rw = "none"
`,
	"/etc/libvirt/qemu.conf": `
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
`,
}

// overlaid are the directories that QEMU and libvirt use. Not /usr as a whole:
// what is mounted below a directory is not seen through one that is laid over it,
// and the Go tool may be.
var overlaid = []string{"/usr/bin", "/usr/sbin", "/usr/lib", "/usr/share", "/etc", "/var/lib", "/var/cache", "/var/log"}

// install makes the packages look installed, to this mount namespace alone: what
// is written to these directories from now on is in memory, and ends with it.
func install(root *debian.Root) error {
	for _, mount := range []struct{ kind, where string }{{"proc", "/proc"}, {"tmpfs", "/run"}} {
		if err := syscall.Mount("none", mount.where, mount.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", mount.where, err)
		}
	}
	for _, dir := range overlaid {
		if err := overlay(root, dir); err != nil {
			return fmt.Errorf("lay the Debian packages over %s: %w", dir, err)
		}
	}
	var errs []error
	for path, text := range configuration {
		errs = append(errs, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600))
	}
	// The package's own script would make them.
	errs = append(errs,
		appendTo("/etc/passwd", "libvirt-qemu:x:64055:64055::/:/usr/sbin/nologin\n"),
		appendTo("/etc/group", "libvirt-qemu:x:64055:\nkvm:x:64056:\n"))
	return errors.Join(errs...)
}

// overlay lays the packages' directory over the machine's.
func overlay(root *debian.Root, dir string) error {
	lower := dir
	if _, err := os.Stat(root.Path(dir)); err == nil {
		lower = root.Path(dir) + ":" + dir
	}
	scratch := filepath.Join("/run/overlay", strings.ReplaceAll(dir, "/", "-"))
	upper, work := filepath.Join(scratch, "upper"), filepath.Join(scratch, "work")
	if err := errors.Join(os.MkdirAll(upper, 0o755), os.MkdirAll(work, 0o755)); err != nil {
		return err
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work)
	return syscall.Mount("none", dir, "overlay", 0, options)
}

func appendTo(path, text string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}
