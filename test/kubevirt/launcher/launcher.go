// Package launcher stands in for virt-launcher where virt-handler's exporter can
// see it: a gRPC server on a socket per launcher pod. VMIs and their script come
// in, libvirt's statistics of such guests go out. It must not know what becomes
// of them.
package launcher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"kubevirt.io/kubevirt/pkg/handler-launcher-com/cmd/info"
	cmdv1 "kubevirt.io/kubevirt/pkg/handler-launcher-com/cmd/v1"
	cmdclient "kubevirt.io/kubevirt/pkg/virt-handler/cmd-client"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/stats"
	"kubevirt.io/kubevirt/tools/cache"

	"guest-metrics-server/test/kubevirt/script"
)

const (
	// statsCacheAge is how old the statistics may be that virt-launcher answers
	// with: it is in NewLibvirtDomainManager, and cannot be changed or asked for.
	statsCacheAge = 3250 * time.Millisecond

	// dirtyRateDuration is how long QEMU takes to answer for the second over
	// which virt-handler asks it to calculate. It makes a scrape as slow as real
	// ones are.
	dirtyRateDuration = 1200 * time.Millisecond
)

// launcher is one launcher pod's end of the conversation with virt-handler.
type launcher struct {
	// The calls that an exporter does not make are left nil: gRPC's handler would
	// report the panic, and nobody would take silence for an answer.
	cmdv1.CmdServer

	domain, uid string
	statePath   string
	server      *grpc.Server
	served      sync.WaitGroup
	cached      *cache.TimeDefinedCache[*stats.DomainStats]
	stopCache   chan struct{}

	mu    sync.Mutex
	guest *script.Guest
}

// start serves the launcher of a pod until stop is called. A guest that an
// earlier process left behind in the pod's directory goes on: real launchers
// outlive virt-handler.
func start(vmi *kubevirtv1.VirtualMachineInstance, podUID string, s script.Script, now time.Time) (*launcher, error) {
	l := &launcher{
		domain:    vmi.Namespace + "_" + vmi.Name,
		uid:       string(vmi.UID),
		server:    grpc.NewServer(),
		stopCache: make(chan struct{}),
	}
	socket := cmdclient.SocketFilePathOnHost(podUID)
	l.statePath = filepath.Join(filepath.Dir(socket), "guest.json")
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		return nil, fmt.Errorf("make the socket directory of %s: %w", l.domain, err)
	}
	if err := l.restore(); err != nil {
		return nil, err
	}
	if l.guest == nil {
		l.guest = script.NewGuest(vcpus(vmi), s, now)
	}
	if err := l.follow(s, now); err != nil {
		return nil, err
	}

	var err error
	maxAge := statsCacheAge
	if !s.On(script.StatsCache) {
		maxAge = 0
	}
	l.cached, err = cache.NewTimeDefinedCache(maxAge, true, l.stats)
	if err != nil {
		return nil, fmt.Errorf("cache the stats of %s: %w", l.domain, err)
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove a former socket of %s: %w", l.domain, err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("listen for %s (a socket's path has at most 107 bytes: choose a shorter --pods-dir): %w", l.domain, err)
	}
	if maxAge > 0 {
		if err := l.cached.KeepValueUpdated(l.stopCache); err != nil {
			_ = listener.Close()
			return nil, fmt.Errorf("cache the stats of %s: %w", l.domain, err)
		}
	}
	info.RegisterCmdInfoServer(l.server, l)
	cmdv1.RegisterCmdServer(l.server, l)
	l.served.Go(func() { _ = l.server.Serve(listener) }) // ends with stop
	return l, nil
}

// stop ends the launcher, and with it its guest.
func (l *launcher) stop() {
	close(l.stopCache)
	l.server.Stop()
	l.served.Wait()
}

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

func (l *launcher) stats() (*stats.DomainStats, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return domainStats(l.domain, l.uid, l.guest, time.Now()), nil
}

// Info implements info.CmdInfoServer.
func (l *launcher) Info(context.Context, *info.CmdInfoRequest) (*info.CmdInfoResponse, error) {
	return &info.CmdInfoResponse{SupportedCmdVersions: []uint32{1}}, nil
}

// GetDomainStats implements cmdv1.CmdServer.
func (l *launcher) GetDomainStats(context.Context, *cmdv1.EmptyRequest) (*cmdv1.DomainStatsResponse, error) {
	d, err := l.cached.Get()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return &cmdv1.DomainStatsResponse{Response: success(), DomainStats: string(text)}, nil
}

// GetFilesystems implements cmdv1.CmdServer. The answer is a bare list: any
// other shape makes the exporter drop the VMI without a word.
func (l *launcher) GetFilesystems(context.Context, *cmdv1.EmptyRequest) (*cmdv1.GuestFilesystemsResponse, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text, err := json.Marshal(filesystems(l.guest, time.Now()))
	if err != nil {
		return nil, err
	}
	return &cmdv1.GuestFilesystemsResponse{Response: success(), GuestFilesystemsResponse: string(text)}, nil
}

// GetDomainDirtyRateStats implements cmdv1.CmdServer.
func (l *launcher) GetDomainDirtyRateStats(ctx context.Context, _ *cmdv1.EmptyRequest) (*cmdv1.DirtyRateStatsResponse, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(dirtyRateDuration):
		return &cmdv1.DirtyRateStatsResponse{Response: success()}, nil
	}
}

func success() *cmdv1.Response {
	return &cmdv1.Response{Success: true}
}

// vcpus is KubeVirt's rule: what the spec leaves out is 1.
func vcpus(vmi *kubevirtv1.VirtualMachineInstance) int {
	cpu := vmi.Spec.Domain.CPU
	if cpu == nil {
		return 1
	}
	return int(max(cpu.Sockets, 1) * max(cpu.Cores, 1) * max(cpu.Threads, 1))
}
