package guest

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"guest-metrics-server/test/debian"
)

// tap is the network device whose other end is the guest's.
const tap = "tap0"

// gateway is this machine's address for the guest.
var gateway = netip.MustParseAddr("127.0.0.2")

// startLoopback makes the new network namespace as usual as local clusters need.
func startLoopback(ctx context.Context, root *debian.Root) error {
	return ip(ctx, root, "link set lo up")
}

// connect makes tap lead to the guest's address. It is of 127/8, as all of a
// local cluster's addresses are, so the table of local addresses has to say that
// this one is not.
func connect(ctx context.Context, root *debian.Root, address netip.Addr) error {
	for _, command := range []string{
		"tuntap add " + tap + " mode tap",
		"link set " + tap + " up",
		fmt.Sprintf("route add %s/32 dev %s src %s table local", address, tap, gateway),
	} {
		if err := ip(ctx, root, command); err != nil {
			return err
		}
	}
	for setting, value := range map[string]string{"route_localnet": "1", "rp_filter": "0"} {
		for _, device := range []string{"all", tap} {
			path := filepath.Join("/proc/sys/net/ipv4/conf", device, setting)
			if err := os.WriteFile(path, []byte(value), 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func ip(ctx context.Context, root *debian.Root, command string) error {
	output, err := root.Command(ctx, "bin/ip", strings.Fields(command)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", command, err, output)
	}
	return nil
}
