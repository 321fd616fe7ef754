package debian

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"guest-metrics-server/test/cache"
)

func TestUnpackedProgramRunsWithItsLibraries(t *testing.T) {
	// Its libraries are hardly installed anywhere else.
	root, err := Unpack(t.Context(), t.Logf, "apache", "apache2-bin")
	if err != nil {
		t.Fatal(err)
	}
	out, err := root.Command(t.Context(), "usr/sbin/apache2", "-v").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Server version: Apache/2") {
		t.Errorf("it says %s, and %v", out, err)
	}
	if _, err := os.Stat(root.Path(".apt")); err == nil {
		t.Error("what was downloaded is left")
	}
}

func TestUnpackSaysThatItTakesApt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := unpack(t.Context(), t.Logf, cache.Dir(t.TempDir()), "none", []string{"none"})
	if err == nil || !strings.Contains(err.Error(), "it takes apt-get, which is not on this machine: run this on Debian") {
		t.Errorf("the error is %v, without what is missing and what to do", err)
	}
}

func TestUnpackSaysWhatAptSays(t *testing.T) {
	programs := t.TempDir()
	for name, text := range map[string]string{
		"apt-config": "#!/bin/sh\n",
		"apt-get":    "#!/bin/sh\necho 'E: Unable to locate package none'\nexit 100\n",
	} {
		if err := os.WriteFile(filepath.Join(programs, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", programs)
	_, err := unpack(t.Context(), t.Logf, cache.Dir(t.TempDir()), "none", []string{"none"})
	if err == nil || !strings.Contains(err.Error(), "exit status 100:\nE: Unable to locate package none") {
		t.Errorf("the error is %v, without apt's", err)
	}
}
