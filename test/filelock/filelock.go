// Package filelock keeps processes that run side by side from using the same
// files: in comes a path, out comes a lock that ends with its holder. It must not
// know what is locked.
package filelock

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

const pollInterval = time.Second

// Try opens and locks a file, and fails when another process has it locked. The
// kernel drops the lock when the file is closed or the process ends.
func Try(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return file, nil
}

// Await locks a file as Try does, once it is free. It calls waiting, at most
// once, when it is not free at first.
func Await(ctx context.Context, path string, waiting func()) (*os.File, error) {
	lock, err := Try(path)
	if err != nil {
		waiting()
	}
	for err != nil {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, ctx.Err())
		case <-time.After(pollInterval):
		}
		lock, err = Try(path)
	}
	return lock, nil
}
