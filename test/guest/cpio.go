package guest

import (
	"bytes"
	"fmt"
	"io/fs"
)

// archive is a cpio archive in the format "newc", which the kernel unpacks as the
// guest's first and only file system.
type archive struct {
	text  bytes.Buffer
	inode int
	dirs  map[string]bool
}

func newArchive() *archive { return &archive{dirs: map[string]bool{".": true}} }

// add adds a file, a symbolic link (whose content is its target) or a directory,
// after the directories above it.
func (a *archive) add(path string, mode fs.FileMode, content []byte) {
	for i, c := range path {
		if c == '/' {
			a.addDir(path[:i])
		}
	}
	a.write(path, posixMode(mode), content)
}

func (a *archive) addDir(path string) {
	if !a.dirs[path] {
		a.dirs[path] = true
		a.write(path, posixMode(fs.ModeDir|0o755), nil)
	}
}

// bytes ends the archive and returns it.
func (a *archive) bytes() []byte {
	a.write("TRAILER!!!", 0, nil)
	return a.text.Bytes()
}

func (a *archive) write(name string, mode uint32, content []byte) {
	a.inode++
	const links, noTime, noDevice, noChecksum = 1, 0, 0, 0
	fmt.Fprintf(&a.text, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.inode, mode, 0, 0, links, noTime, len(content),
		noDevice, noDevice, noDevice, noDevice, len(name)+1, noChecksum, name)
	a.pad()
	a.text.Write(content)
	a.pad()
}

// pad fills up to a multiple of four bytes.
func (a *archive) pad() {
	for a.text.Len()%4 != 0 {
		a.text.WriteByte(0)
	}
}

func posixMode(mode fs.FileMode) uint32 {
	const directory, link, regular = 0o040000, 0o120000, 0o100000
	switch permissions := uint32(mode.Perm()); {
	case mode.IsDir():
		return directory | permissions
	case mode&fs.ModeSymlink != 0:
		return link | permissions
	default:
		return regular | permissions
	}
}
