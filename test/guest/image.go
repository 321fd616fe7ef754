package guest

import (
	"debug/elf"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"guest-metrics-server/test/debian"
)

// packages are what the guest is made of and what runs it.
var packages = []string{
	"linux-image-cloud-amd64", "busybox-static", "nginx",
	"qemu-system-x86", "libvirt-daemon", "libvirt-daemon-driver-qemu", "iproute2",
}

// modules are the kernel's drivers for the devices of domain.xml.
var modules = []string{"virtio_pci", "virtio_net", "virtio_balloon"}

// rootfs has the guest's own files: what its first process does, the web server's
// configuration, and the programs by which the test speaks with the guest.
//
//go:embed rootfs
var rootfs embed.FS

// image is what QEMU boots.
type image struct{ kernel, initramfs string }

// writeImage makes a guest of the packages' files.
func writeImage(root *debian.Root, dir string) (image, error) {
	kernels, err := filepath.Glob(root.Path("boot/vmlinuz-*"))
	if err != nil || len(kernels) != 1 {
		return image{}, fmt.Errorf("want one kernel in the Debian packages, there are %v: %w", kernels, err)
	}
	b := &builder{root: root, archive: newArchive()}
	for _, add := range []func() error{b.addOwn, b.addPrograms, b.addModules} {
		if err := add(); err != nil {
			return image{}, fmt.Errorf("make the guest's file system: %w", err)
		}
	}
	i := image{kernel: kernels[0], initramfs: filepath.Join(dir, "initramfs")}
	return i, os.WriteFile(i.initramfs, b.archive.bytes(), 0o600)
}

// builder collects the guest's files.
type builder struct {
	root    *debian.Root
	archive *archive
	loaded  []string // files of modules, each after those that it needs
}

func (b *builder) addOwn() error {
	for _, dir := range []string{"dev", "proc", "run", "sys", "var/lib/nginx", "var/log/nginx"} {
		b.archive.add(dir+"/.", fs.ModeDir|0o755, nil)
	}
	b.archive.add("etc/passwd", 0o644, []byte("root:x:0:0:::\n"))
	b.archive.add("etc/group", 0o644, []byte("root:x:0:\n"))
	own, err := fs.Sub(rootfs, "rootfs")
	if err != nil {
		return err
	}
	return fs.WalkDir(own, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(own, path)
		b.archive.add(path, 0o755, content)
		return err
	})
}

// addPrograms adds busybox, and nginx with the libraries that it is linked with.
func (b *builder) addPrograms() error {
	busybox, err := os.ReadFile(b.root.Path("bin/busybox"))
	if errors.Is(err, fs.ErrNotExist) { // a newer Debian's
		busybox, err = os.ReadFile(b.root.Path("usr/bin/busybox"))
	}
	if err != nil {
		return err
	}
	b.archive.add("bin/busybox", 0o755, busybox)
	const nginx, interpreter = "usr/sbin/nginx", "lib64/ld-linux-x86-64.so.2"
	if err := b.addFile(nginx, b.root.Path(nginx)); err != nil {
		return err
	}
	if err := b.addFile(interpreter, "/"+interpreter); err != nil {
		return err
	}
	return b.addLibraries(b.root.Path(nginx), map[string]bool{filepath.Base(interpreter): true})
}

// addLibraries adds what an ELF file is linked with, and what that is linked with.
func (b *builder) addLibraries(path string, added map[string]bool) error {
	file, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	defer file.Close()
	names, err := file.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	for _, name := range names {
		if added[name] {
			continue
		}
		added[name] = true
		library, err := b.findLibrary(name)
		if err != nil {
			return fmt.Errorf("%s needs it: %w", path, err)
		}
		if err := errors.Join(b.addFile("lib/"+name, library), b.addLibraries(library, added)); err != nil {
			return err
		}
	}
	return nil
}

// findLibrary finds a library among the packages' or this machine's.
func (b *builder) findLibrary(name string) (string, error) {
	const triplet = "x86_64-linux-gnu/"
	for _, root := range []string{b.root.Path("/"), "/"} {
		for _, dir := range []string{"lib/" + triplet, "usr/lib/" + triplet} {
			path := filepath.Join(root, dir, name)
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("there is no library %s", name)
}

// addModules adds the drivers, and in what order they are to be loaded.
func (b *builder) addModules() error {
	files := map[string]string{}
	err := filepath.WalkDir(b.root.Path("lib/modules"), func(path string, _ fs.DirEntry, err error) error {
		files[strings.TrimSuffix(filepath.Base(path), ".ko")] = path
		return err
	})
	if err != nil {
		return fmt.Errorf("find the kernel's modules: %w", err)
	}
	for _, name := range modules {
		if err := b.addModule(name, files); err != nil {
			return err
		}
	}
	b.archive.add("modules/order", 0o644, []byte(strings.Join(b.loaded, "\n")+"\n"))
	return nil
}

// addModule adds a module after those that it says it needs.
func (b *builder) addModule(name string, files map[string]string) error {
	path, ok := files[name]
	if !ok {
		return fmt.Errorf("the kernel has no module %s", name)
	}
	if slices.Contains(b.loaded, filepath.Base(path)) {
		return nil
	}
	needed, err := dependenciesOf(path)
	if err != nil {
		return fmt.Errorf("read module %s: %w", name, err)
	}
	for _, other := range needed {
		if err := b.addModule(other, files); err != nil {
			return err
		}
	}
	b.loaded = append(b.loaded, filepath.Base(path))
	return b.addFile("modules/"+filepath.Base(path), path)
}

// dependenciesOf returns what the kernel's build has written into a module.
func dependenciesOf(path string) ([]string, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	section := file.Section(".modinfo")
	if section == nil {
		return nil, errors.New("it has no .modinfo")
	}
	text, err := section.Data()
	if err != nil {
		return nil, err
	}
	for field := range strings.SplitSeq(string(text), "\x00") {
		if list, ok := strings.CutPrefix(field, "depends="); ok && list != "" {
			return strings.Split(list, ","), nil
		}
	}
	return nil, nil
}

func (b *builder) addFile(name, path string) error {
	content, err := os.ReadFile(path)
	b.archive.add(name, 0o755, content)
	return err
}
