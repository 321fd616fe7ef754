package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStateDirectoryIsOneClusters(t *testing.T) {
	dir := t.TempDir()
	first, err := openState(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openState(dir); err == nil || !strings.Contains(err.Error(), "a cluster runs in") {
		t.Errorf("the second cluster gets %v, want an error that says who is there", err)
	}
	if err := first.lock.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := openState(dir)
	if err != nil {
		t.Errorf("after the first cluster's end: %v", err)
	} else if err := again.lock.Close(); err != nil {
		t.Error(err)
	}
}

func TestStateDirectoryIsClearedOfAFormerClusterOnly(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"etcd.log": "", "etcd.pid": "", "etcd/member/wal": "", "pki/ca.crt": "", "admin.kubeconfig": "",
		"notes.txt": "",
	})
	s, err := openState(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.lock.Close()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); name != "lock" && name != "notes.txt" {
			t.Errorf("%s is left", filepath.Join(dir, name))
		}
	}
	if len(entries) != 2 {
		t.Errorf("%d entries are left, want the lock and the caller's file", len(entries))
	}
}
