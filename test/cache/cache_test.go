package cache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestEntryIsMadeOnce(t *testing.T) {
	d, made := Dir(t.TempDir()), 0
	e := Entry{Name: "m", Key: "k", Make: func(_ context.Context, dir string) error {
		made++
		return os.WriteFile(filepath.Join(dir, "program"), nil, 0o600)
	}}
	for range 2 {
		dir, err := d.Get(t.Context(), t.Logf, e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "program")); err != nil {
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("it is made %d times, want once", made)
	}
}

func TestEntryThatCannotBeMadeIsNotThere(t *testing.T) {
	d, broken := Dir(t.TempDir()), errors.New("broken")
	e := Entry{Name: "m", Key: "k", Make: func(context.Context, string) error { return broken }}
	for range 2 {
		if _, err := d.Get(t.Context(), t.Logf, e); !errors.Is(err, broken) {
			t.Errorf("the error is %v, want %v", err, broken)
		}
	}
}

func TestPruneRemovesWhatIsLongUnused(t *testing.T) {
	d := Dir(t.TempDir())
	for name, unused := range map[string]time.Duration{"m-old": 2 * lifetime, "m-new": 0, "other-old": 2 * lifetime} {
		path, then := filepath.Join(string(d), name), time.Now().Add(-unused)
		if err := errors.Join(os.Mkdir(path, 0o700), os.Chtimes(path, then, then)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.prune("m"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"m-old": false, "m-new": true, "other-old": true} {
		if _, err := os.Stat(filepath.Join(string(d), name)); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", name, err == nil, want)
		}
	}
}
