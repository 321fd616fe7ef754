package launcher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	kubevirtv1 "kubevirt.io/api/core/v1"
	cmdclient "kubevirt.io/kubevirt/pkg/virt-handler/cmd-client"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/stats"

	"guest-metrics-server/test/kubevirt/script"
)

// dirtyRateDuration is how long QEMU takes to answer for the second over which
// virt-handler asks it to calculate. It makes a scrape as slow as real ones are.
const dirtyRateDuration = 1200 * time.Millisecond

// launcher is the launcher of a scripted guest.
type launcher struct {
	domain, uid string
	statePath   string
	server      *Server

	mu    sync.Mutex
	guest *script.Guest
}

// start serves the launcher of a pod until stop is called. A guest that an
// earlier process left behind in the pod's directory goes on: real launchers
// outlive virt-handler.
func start(vmi *kubevirtv1.VirtualMachineInstance, podUID string, s script.Script, now time.Time) (*launcher, error) {
	socket := cmdclient.SocketFilePathOnHost(podUID)
	l := &launcher{
		domain:    vmi.Namespace + "_" + vmi.Name,
		uid:       string(vmi.UID),
		statePath: filepath.Join(filepath.Dir(socket), "guest.json"),
	}
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		return nil, fmt.Errorf("make the socket directory of %s: %w", l.domain, err)
	}
	if err := l.restore(); err != nil {
		return nil, err
	}
	if l.guest == nil {
		l.guest = script.NewGuest(vcpus(vmi), s, now)
		l.guest.Totals = firmware
	}
	if err := l.follow(s, now); err != nil {
		return nil, err
	}
	maxAge := StatsCacheAge
	if !s.On(script.StatsCache) {
		maxAge = 0
	}
	var err error
	if l.server, err = Serve(socket, maxAge, l); err != nil {
		return nil, fmt.Errorf("serve the launcher of %s: %w", l.domain, err)
	}
	return l, nil
}

// stop ends the launcher, and with it its guest.
func (l *launcher) stop() { l.server.Stop() }

// follow makes the guest follow s from now on.
func (l *launcher) follow(s script.Script, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.guest.Follow(s, now)
	state, err := json.Marshal(l.guest)
	if err != nil {
		return fmt.Errorf("marshal the guest of %s: %w", l.domain, err)
	}
	if err := os.WriteFile(l.statePath, state, 0o600); err != nil {
		return fmt.Errorf("store the guest of %s: %w", l.domain, err)
	}
	return nil
}

func (l *launcher) restore() error {
	state, err := os.ReadFile(l.statePath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("restore the guest of %s: %w", l.domain, err)
	}
	if err := json.Unmarshal(state, &l.guest); err != nil {
		return fmt.Errorf("restore the guest of %s from %s: %w", l.domain, l.statePath, err)
	}
	return nil
}

// DomainStats implements Domain.
func (l *launcher) DomainStats() (*stats.DomainStats, error) {
	<-time.After(l.renewal())
	l.mu.Lock()
	defer l.mu.Unlock()
	return domainStats(l.domain, l.uid, l.guest, time.Now()), nil
}

// renewal is how long it takes to answer with new statistics.
func (l *launcher) renewal() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Duration(l.guest.Script.Number(script.StatsMilliseconds) * float64(time.Millisecond))
}

// Filesystems implements Domain.
func (l *launcher) Filesystems() []kubevirtv1.VirtualMachineInstanceFileSystem {
	l.mu.Lock()
	defer l.mu.Unlock()
	return filesystems(l.guest, time.Now())
}

// DirtyRate implements Domain.
func (l *launcher) DirtyRate(ctx context.Context) (int64, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(dirtyRateDuration):
		return 0, nil
	}
}

// vcpus is KubeVirt's rule: what the spec leaves out is 1.
func vcpus(vmi *kubevirtv1.VirtualMachineInstance) int {
	cpu := vmi.Spec.Domain.CPU
	if cpu == nil {
		return 1
	}
	return int(max(cpu.Sockets, 1) * max(cpu.Cores, 1) * max(cpu.Threads, 1))
}

// firmware is what a guest's vCPUs have counted when its statistics are read for
// the first time. No guest that runs has counted nothing: the server takes that
// for counters that libvirt could not read.
var firmware = script.Totals{VCPU: 2 * time.Second, Delay: 20 * time.Millisecond}
