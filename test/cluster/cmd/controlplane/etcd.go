package main

import (
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/embed"
)

// newEtcdCommand returns a single-member etcd for tests. It does not sync its
// data to the disk: a crash of the machine loses the state, and that is fine.
func newEtcdCommand() *cobra.Command {
	var dataDir, clientURL string
	cmd := &cobra.Command{
		Use:           "etcd",
		Short:         "a single-member etcd without fsync",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(*cobra.Command, []string) error {
			return runEtcd(dataDir, clientURL)
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "directory of etcd's data")
	cmd.Flags().StringVar(&clientURL, "listen-client-url", "", "loopback URL to serve clients on")
	return cmd
}

func runEtcd(dataDir, clientURL string) error {
	client, err := url.Parse(clientURL)
	if err != nil {
		return fmt.Errorf("parse --listen-client-url: %w", err)
	}
	cfg := embed.NewConfig()
	cfg.Dir = dataDir
	cfg.LogLevel = "warn"
	cfg.UnsafeNoFsync = true
	cfg.WarningUnaryRequestDuration = time.Second // Zero would log every request as slow.
	cfg.ListenClientUrls = []url.URL{*client}
	cfg.AdvertiseClientUrls = []url.URL{*client}
	peer := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	cfg.ListenPeerUrls = []url.URL{peer}
	cfg.AdvertisePeerUrls = []url.URL{peer}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)

	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		return fmt.Errorf("start etcd in %s: %w", dataDir, err)
	}
	defer etcd.Close()

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	select {
	case <-stop:
		return nil
	case err := <-etcd.Err():
		return fmt.Errorf("etcd: %w", err)
	}
}
