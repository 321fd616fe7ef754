//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"guest-metrics-server/test/filelock"
	"guest-metrics-server/test/fleet/world"
	"guest-metrics-server/test/process"
)

// A fleet is a server of its own, as shipped, with more VMIs than the cluster can
// have: they are those of test/fleet.
type fleet struct {
	world.Fleet
	dir    string
	server *rest.Config
}

// startFleet starts all until the test ends, and returns when the server is live.
func startFleet(t *testing.T, size world.Fleet, statusPort string) fleet {
	t.Helper()
	f := fleet{Fleet: size, dir: t.TempDir()}
	alone(t)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", f.dir+"/", "./test/fleet/cmd/...")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build test/fleet: %v\n%s", err, out)
	}
	flags := []string{fmt.Sprintf("--vmis=%d", size.VMIs), fmt.Sprintf("--per-node=%d", size.PerNode)}
	ca, kubeconfig, certificates := filepath.Join(f.dir, "ca.pem"), filepath.Join(f.dir, "kubeconfig"), filepath.Join(f.dir, "certificates")
	f.start(t, "virt-handlers", filepath.Join(f.dir, "virt-handlers"), ca, append(flags,
		"--ca-file="+ca, "--control="+freeAddress(t), "--templates="+repository+"pkg/domainstats/testdata/versions/v1.9")...)
	f.start(t, "apistub", filepath.Join(f.dir, "apistub"), kubeconfig, append(flags,
		"--listen="+freeAddress(t), "--kubeconfig="+kubeconfig, "--kubevirt-ca-file="+ca, "--status-port="+statusPort)...)
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	certificate := filepath.Join(certificates, "apiserver.crt")
	server := f.start(t, "guest-metrics-server", serverBinary, certificate, "--kubeconfig="+kubeconfig, "--cert-dir="+certificates,
		"--bind-address=127.0.0.1", "--secure-port="+port, "--guest-allowed-cidrs=127.0.0.0/8")
	f.server = &rest.Config{
		Host: "https://" + address, BearerToken: "anyone",
		TLSClientConfig: rest.TLSClientConfig{CAFile: certificate, ServerName: "localhost"},
	}
	client := clientOf(t, f.server)
	await(t, server, func(ctx context.Context) error {
		_, err := fetch(ctx, client, f.server.Host+"/livez")
		return err
	})
	return f
}

// alone waits until no other test, of whatever process, has a fleet: the
// addresses of its virt-handlers and guests are always the same.
func alone(t *testing.T) {
	t.Helper()
	lock, err := filelock.Await(t.Context(), "/tmp/gms-fleet.lock", func() { t.Log("waiting for another fleet to end") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Close() })
}

// start starts a process until the test ends, and waits until it has written a
// file.
func (f fleet) start(t *testing.T, name, binary, file string, args ...string) *process.Process {
	t.Helper()
	p := startProcess(t, f.dir, name, exec.Command(binary, args...))
	await(t, p, func(context.Context) error {
		_, err := os.Stat(file)
		return err
	})
	return p
}

// startProcess starts a process until the test ends, which is to live as long.
func startProcess(t *testing.T, dir, name string, cmd *exec.Cmd) *process.Process {
	t.Helper()
	p, err := process.Start(dir, name, cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Check(); err != nil {
			t.Error(err)
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func await(t *testing.T, p *process.Process, probe func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := p.Await(ctx, probe); err != nil {
		t.Fatal(err)
	}
}

// freeAddress returns an address where nobody listens at the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
