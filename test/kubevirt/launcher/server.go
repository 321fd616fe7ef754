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
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/stats"
	"kubevirt.io/kubevirt/tools/cache"
)

// StatsCacheAge is how old the statistics may be that virt-launcher answers
// with: it is in NewLibvirtDomainManager, and cannot be changed or asked for.
const StatsCacheAge = 3250 * time.Millisecond

// Domain is a guest as its launcher sees it.
type Domain interface {
	DomainStats() (*stats.DomainStats, error)

	// Filesystems is empty, and not nil, without a guest agent.
	Filesystems() []kubevirtv1.VirtualMachineInstanceFileSystem

	// DirtyRate is in MiB/s. virt-handler waits for it.
	DirtyRate(context.Context) (int64, error)
}

// Server is a launcher pod's end of the conversation with virt-handler.
type Server struct {
	// The calls that an exporter does not make are left nil: gRPC's handler would
	// report the panic, and nobody would take silence for an answer.
	cmdv1.CmdServer

	domain    Domain
	server    *grpc.Server
	served    sync.WaitGroup
	cached    *cache.TimeDefinedCache[*stats.DomainStats]
	stopCache chan struct{}
}

// Serve serves a domain on a socket until Stop is called. Its statistics are at
// most maxAge old; 0 caches nothing.
func Serve(socket string, maxAge time.Duration, domain Domain) (*Server, error) {
	s := &Server{domain: domain, server: grpc.NewServer(), stopCache: make(chan struct{})}
	var err error
	if s.cached, err = cache.NewTimeDefinedCache(maxAge, true, domain.DomainStats); err != nil {
		return nil, fmt.Errorf("cache the stats: %w", err)
	}
	listener, err := listen(socket)
	if err != nil {
		return nil, err
	}
	if maxAge > 0 {
		if err := s.cached.KeepValueUpdated(s.stopCache); err != nil {
			_ = listener.Close()
			return nil, fmt.Errorf("cache the stats: %w", err)
		}
	}
	info.RegisterCmdInfoServer(s.server, s)
	cmdv1.RegisterCmdServer(s.server, s)
	s.served.Go(func() { _ = s.server.Serve(listener) }) // ends with Stop
	return s, nil
}

// listen listens on a socket that a former process may have left behind.
func listen(socket string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		return nil, fmt.Errorf("make the socket's directory: %w", err)
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove a former socket: %w", err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("listen (a socket's path has at most 107 bytes: choose a shorter --pods-dir): %w", err)
	}
	return listener, nil
}

// Stop ends the conversation and removes the socket.
func (s *Server) Stop() {
	close(s.stopCache)
	s.server.Stop()
	s.served.Wait()
}

// Info implements info.CmdInfoServer.
func (s *Server) Info(context.Context, *info.CmdInfoRequest) (*info.CmdInfoResponse, error) {
	return &info.CmdInfoResponse{SupportedCmdVersions: []uint32{1}}, nil
}

// GetDomainStats implements cmdv1.CmdServer.
func (s *Server) GetDomainStats(context.Context, *cmdv1.EmptyRequest) (*cmdv1.DomainStatsResponse, error) {
	d, err := s.cached.Get()
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
func (s *Server) GetFilesystems(context.Context, *cmdv1.EmptyRequest) (*cmdv1.GuestFilesystemsResponse, error) {
	text, err := json.Marshal(s.domain.Filesystems())
	if err != nil {
		return nil, err
	}
	return &cmdv1.GuestFilesystemsResponse{Response: success(), GuestFilesystemsResponse: string(text)}, nil
}

// GetDomainDirtyRateStats implements cmdv1.CmdServer.
func (s *Server) GetDomainDirtyRateStats(ctx context.Context, _ *cmdv1.EmptyRequest) (*cmdv1.DirtyRateStatsResponse, error) {
	rate, err := s.domain.DirtyRate(ctx)
	if err != nil {
		return nil, err
	}
	return &cmdv1.DirtyRateStatsResponse{Response: success(), DirtyRateMbs: rate}, nil
}

func success() *cmdv1.Response {
	return &cmdv1.Response{Success: true}
}
