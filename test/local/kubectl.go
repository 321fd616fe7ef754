package local

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// KubectlPath returns the path of a kubectl for this cluster.
func (c *Cluster) KubectlPath() string { return c.state.path("kubectl") }

// Kubectl runs the real kubectl as the administrator. The error carries what
// kubectl wrote to its standard error.
func (c *Cluster) Kubectl(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.KubectlPath(), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil { // says more than that it was killed
			err = context.Cause(ctx)
		}
		return stdout.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), nil
}

// writeKubectl writes a script, so that people can try the cluster on a machine
// without kubectl. Discovery is cached beside it: the next cluster may have the
// same address.
func (c *Cluster) writeKubectl() error {
	text := fmt.Sprintf("#!/bin/sh\nexec '%s' kubectl --kubeconfig='%s' --cache-dir='%s' \"$@\"\n",
		c.binaries["controlplane"], c.Kubeconfig(), c.state.path("kubectl-cache"))
	return c.state.writeExecutable("kubectl", text)
}
