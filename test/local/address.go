package local

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"guest-metrics-server/test/filelock"
)

// block is a loopback network of a cluster's own, 127.N.0.0/16, so that clusters
// can run side by side with the same ports: which ports are free is then nothing
// that has to be found out, or can change between finding out and listening.
type block struct {
	second byte
	lock   *os.File

	// podsDir is where launcher pods have their sockets. It cannot be in the
	// state directory: a socket's path has at most 107 bytes, and KubeVirt's
	// layout takes 91 of them.
	podsDir string
}

const firstBlock, lastBlock = 100, 199

// reserveBlock takes the first block that no other cluster holds. It is held
// until release, or the end of this process.
func reserveBlock() (*block, error) {
	for second := firstBlock; second <= lastBlock; second++ {
		podsDir := fmt.Sprintf("/tmp/gms-%d", second)
		lock, err := filelock.Try(podsDir + ".lock")
		if err != nil {
			continue // another cluster's, perhaps of another user
		}
		if err := errors.Join(os.RemoveAll(podsDir), os.Mkdir(podsDir, 0o700)); err != nil {
			_ = lock.Close()
			continue
		}
		return &block{second: byte(second), lock: lock, podsDir: podsDir}, nil
	}
	return nil, fmt.Errorf("every network from 127.%d to 127.%d is locked by /tmp/gms-*.lock: stop other clusters first", firstBlock, lastBlock)
}

func (b *block) release() error {
	err := os.RemoveAll(b.podsDir)
	return errors.Join(err, b.lock.Close())
}

func (b *block) at(third, fourth byte) netip.Addr {
	return netip.AddrFrom4([4]byte{127, b.second, third, fourth})
}

// services is the range of Services' addresses. The API server dials a Service
// at its cluster IP, so a process that listens there is behind that Service.
func (b *block) services() netip.Prefix { return netip.PrefixFrom(b.at(0, 0), 18) }

// apiService is the address of the kubernetes Service, the first of the range.
func (b *block) apiService() netip.Addr { return b.at(0, 1) }

// server is the cluster IP of the server under test. The low end of the range is
// never given out unasked.
func (b *block) server() netip.Addr { return b.at(0, 10) }

// controlPlane is the address of all control plane components.
func (b *block) controlPlane() netip.Addr { return b.at(64, 1) }

// node is the address of a node's virt-handler. Nodes count from 1.
func (b *block) node(number int) netip.Addr { return b.at(64, byte(10+number)) }

// pods is the range of launcher pods' addresses.
func (b *block) pods() netip.Prefix { return netip.PrefixFrom(b.at(128, 0), 17) }

// checkServerPort reports whether this user may listen where the shipped Service
// has its port, before anything takes the time to start.
func (b *block) checkServerPort() error {
	address := net.JoinHostPort(b.server().String(), serverPort)
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("the Service's port must be bound on loopback; run as root, or allow it with `sysctl net.ipv4.ip_unprivileged_port_start=%s`: %w", serverPort, err)
	}
	if err != nil {
		return fmt.Errorf("the server's address is taken: find who listens with `ss -ltnp sport = :%s`: %w", serverPort, err)
	}
	return listener.Close()
}
