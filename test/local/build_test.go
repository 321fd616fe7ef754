package local

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guest-metrics-server/test/cache"
)

func TestBuildKeyFollowsWhatIsCompiled(t *testing.T) {
	original := map[string]string{
		"go.mod":               "module m\n",
		"cmd/m/main.go":        "package main\n",
		"cmd/m/main_test.go":   "package main\n",
		"cmd/m/notes-on-it.md": "notes\n",
	}
	m := module{name: "m"}
	key := func(files map[string]string) string {
		key, err := m.key(t.Context(), writeFiles(t, files))
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	tests := map[string]struct {
		file, content string
		same          bool
	}{
		"a source":        {"cmd/m/main.go", "package main // changed\n", false},
		"a new source":    {"cmd/m/more.go", "package main\n", false},
		"the module":      {"go.mod", "module m // changed\n", false},
		"a checksum":      {"go.sum", "sum\n", false},
		"a test":          {"cmd/m/main_test.go", "package main // changed\n", true},
		"another file":    {"cmd/m/notes-on-it.md", "changed\n", true},
		"nothing, really": {"go.mod", "module m\n", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			changed := map[string]string{}
			for file, content := range original {
				changed[file] = content
			}
			changed[test.file] = test.content
			if same := key(original) == key(changed); same != test.same {
				t.Errorf("the key stays the same: %v, want %v", same, test.same)
			}
		})
	}
}

func TestBuildErrorCarriesTheCompilers(t *testing.T) {
	repository := writeFiles(t, map[string]string{
		"m/go.mod":            "module m\n",
		"m/cmd/hello/main.go": "package main\nfunc main() { undefined() }\n",
	})
	m := module{name: "m", dir: "m", packages: []string{"./cmd/hello"}}
	_, err := m.build(t.Context(), repository, cache.Dir(t.TempDir()), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "undefined: undefined") {
		t.Errorf("the error is %v, without the compiler's", err)
	}
}

// writeFiles writes files to a new directory and returns it.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
