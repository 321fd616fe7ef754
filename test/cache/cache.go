// Package cache keeps what takes long to make in the user's cache directory, for
// later runs and other checkouts: in come a name, a key and the way to make it,
// out comes a directory. It must not know what is in it.
package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"guest-metrics-server/test/filelock"
)

// lifetime is how long an entry is kept that nobody uses.
const lifetime = 14 * 24 * time.Hour

// Dir is a directory of entries.
type Dir string

// User returns the cache of the user for this project.
func User() (Dir, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a directory for what is built and downloaded: %w", err)
	}
	return Dir(filepath.Join(dir, "guest-metrics-server")), nil
}

// Entry is something to be kept.
type Entry struct {
	// Name is the same for all keys. Entries of one name are made one at a time.
	Name string

	// Key tells entries of one name apart: a hash of all that goes into them.
	Key string

	// Make fills an empty directory. A Make that fails leaves no entry.
	Make func(ctx context.Context, dir string) error
}

// Get returns the directory of an entry, and makes it before when there is none.
// Entries of that name that have not been used for long are removed then.
func (d Dir) Get(ctx context.Context, logf func(format string, args ...any), e Entry) (string, error) {
	dir := filepath.Join(string(d), e.Name+"-"+e.Key)
	if use(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(string(d), 0o755); err != nil {
		return "", err
	}
	lock, err := filelock.Await(ctx, filepath.Join(string(d), e.Name+".lock"), func() {
		logf("Waiting for another process that makes the same: %s.", e.Name)
	})
	if err != nil {
		return "", err
	}
	defer lock.Close()

	if use(dir) { // Another process made it.
		return dir, nil
	}
	partial := dir + ".partial"
	if err := errors.Join(os.RemoveAll(partial), os.Mkdir(partial, 0o755)); err != nil {
		return "", err
	}
	if err := e.Make(ctx, partial); err != nil {
		return "", errors.Join(err, os.RemoveAll(partial))
	}
	if err := os.Rename(partial, dir); err != nil {
		return "", err
	}
	return dir, d.prune(e.Name)
}

// use reports whether an entry is there, and keeps it from being pruned soon.
func use(dir string) bool {
	now := time.Now()
	return os.Chtimes(dir, now, now) == nil
}

// prune removes entries of a name that have not been used for long.
func (d Dir) prune(name string) error {
	entries, err := filepath.Glob(filepath.Join(string(d), name+"-*"))
	if err != nil {
		return err
	}
	for _, dir := range entries {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if time.Since(info.ModTime()) > lifetime {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	return nil
}
