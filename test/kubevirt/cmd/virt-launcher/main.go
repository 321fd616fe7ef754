//go:build libvirt_dlopen

// Command virt-launcher runs a real guest and tells virt-handler of it, as the
// virt-launcher in a launcher pod does: the domain is libvirt's, KubeVirt's own
// code reads its statistics, and one process is one launcher pod. KubeVirt's whole
// virt-launcher is not used: it wants the files of its container around it, and
// more C libraries.
//
// It needs cgo, and libvirt.so.0 when it runs but no headers when it is built:
// that is what the build tag asks for, and why nothing else builds or checks it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"libvirt.org/go/libvirt"

	kubevirtv1 "kubevirt.io/api/core/v1"
	cmdclient "kubevirt.io/kubevirt/pkg/virt-handler/cmd-client"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/cli"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/stats"

	"guest-metrics-server/test/kubevirt/launcher"
)

const (
	// statsTypes and statsOf are those of KubeVirt's LibvirtDomainManager.
	statsTypes = libvirt.DOMAIN_STATS_BALLOON | libvirt.DOMAIN_STATS_CPU_TOTAL | libvirt.DOMAIN_STATS_VCPU |
		libvirt.DOMAIN_STATS_INTERFACE | libvirt.DOMAIN_STATS_BLOCK | libvirt.DOMAIN_STATS_DIRTYRATE
	statsOf = libvirt.CONNECT_GET_ALL_DOMAINS_STATS_RUNNING | libvirt.CONNECT_GET_ALL_DOMAINS_STATS_PAUSED

	watchdogInterval  = 10 * time.Second
	dirtyRateDuration = time.Second
)

type options struct {
	uri, domain, podsDir, podUID string
	statsCache                   bool
}

func main() {
	var o options
	flag.StringVar(&o.uri, "connect", "qemu:///system", "URI of the libvirt daemon")
	flag.StringVar(&o.domain, "domain", "", "file with the XML of the domain to run, until this process is stopped")
	flag.StringVar(&o.podsDir, "pods-dir", "", "directory of the launcher pods' sockets")
	flag.StringVar(&o.podUID, "pod-uid", "", "UID of the launcher pod that this process stands for")
	flag.BoolVar(&o.statsCache, "stats-cache", true, "cache statistics, as virt-launcher does; without, it can be told what all else does to a value")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "virt-launcher:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	xml, err := os.ReadFile(o.domain)
	if err != nil {
		return fmt.Errorf("read --domain: %w", err)
	}
	if err := runEvents(); err != nil {
		return err
	}
	connection, err := cli.NewConnection(o.uri, "", "", watchdogInterval)
	if err != nil {
		return err
	}
	domain, err := connection.DomainDefineXML(string(xml))
	if err != nil {
		return fmt.Errorf("define the domain: %w", err)
	}
	if err := domain.CreateWithFlags(libvirt.DOMAIN_NONE); err != nil {
		return fmt.Errorf("start the domain: %w", err)
	}
	defer func() { err = errors.Join(err, domain.DestroyFlags(libvirt.DOMAIN_DESTROY_DEFAULT)) }()

	cmdclient.SetPodsBaseDir(o.podsDir)
	maxAge := launcher.StatsCacheAge
	if !o.statsCache {
		maxAge = 0
	}
	server, err := launcher.Serve(cmdclient.SocketFilePathOnHost(o.podUID), maxAge, guest{connection})
	if err != nil {
		return fmt.Errorf("serve the domain's statistics: %w", err)
	}
	defer server.Stop()
	<-ctx.Done()
	return nil
}

// runEvents runs libvirt's event loop, which keeps connections alive.
func runEvents() error {
	if err := libvirt.EventRegisterDefaultImpl(); err != nil {
		return fmt.Errorf("register libvirt's event loop: %w", err)
	}
	go func() {
		for libvirt.EventRunDefaultImpl() == nil {
		}
	}()
	return nil
}

// guest is the one domain behind a connection.
type guest struct{ connection cli.Connection }

// DomainStats implements launcher.Domain.
func (g guest) DomainStats() (*stats.DomainStats, error) {
	// Of migrations there is nothing to tell, but nil is read without a look.
	list, err := g.connection.GetDomainStats(statsTypes, &stats.DomainJobInfo{}, statsOf)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("libvirt tells of %d domains, want 1", len(list))
	}
	// The agent's; there is none.
	list[0].Load = &stats.DomainStatsLoad{}
	return list[0], nil
}

// Filesystems implements launcher.Domain: without an agent there are none.
func (g guest) Filesystems() []kubevirtv1.VirtualMachineInstanceFileSystem {
	return []kubevirtv1.VirtualMachineInstanceFileSystem{}
}

// DirtyRate implements launcher.Domain.
func (g guest) DirtyRate(context.Context) (int64, error) {
	list, err := g.connection.GetDomainDirtyRate(dirtyRateDuration, libvirt.DOMAIN_DIRTYRATE_MODE_PAGE_SAMPLING)
	if err != nil {
		return 0, err
	}
	if len(list) != 1 {
		return 0, fmt.Errorf("libvirt tells the dirty rate of %d domains, want 1", len(list))
	}
	return list[0].MegabytesPerSecond, nil
}
