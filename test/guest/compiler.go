package guest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"guest-metrics-server/test/debian"
)

// EnsureCompiler sees to it that the Go tool finds a C compiler, with which the
// launcher is built: Debian's, when this machine has none. It changes this
// process' environment.
func EnsureCompiler(ctx context.Context, logf func(format string, args ...any)) error {
	if os.Getenv("CC") != "" {
		return nil
	}
	if _, err := exec.LookPath("gcc"); err == nil {
		return nil
	}
	// The linker looks below one directory only, so what the program is linked with
	// has to be there even if it is installed.
	root, err := debian.Unpack(ctx, logf, "compiler", "gcc", "libc6-dev", "libc6", "libgcc-s1")
	if err != nil {
		return err
	}
	programs := root.Path("usr/bin")
	for _, setting := range root.Command(ctx, "").Env {
		if libraries, ok := strings.CutPrefix(setting, "LD_LIBRARY_PATH="); ok {
			err = os.Setenv("LD_LIBRARY_PATH", libraries)
		}
	}
	if err != nil {
		return err
	}
	return os.Setenv("CC", fmt.Sprintf("%s/gcc --sysroot=%s -B%s", programs, root.Path(""), programs))
}
