package web

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"guest-metrics-server/test/debian"
)

const (
	nobody           = 65534 // The user and the group, by Debian's policy.
	capDACOverride   = 1     // To read and write files of anybody, see capabilities(7).
	apacheConfigFile = "apache.conf"
)

// apacheFiles is Apache with the same modules as Debian's default, as far as they
// are of use here. AsyncRequestWorkerFactor lets it keep 512 connections beside
// those that are worked on; by default it takes no more than 96 in all.
func apacheFiles(root *debian.Root, dir, ip string) map[string]string {
	text := strings.ReplaceAll(`
ServerName localhost
ServerRoot "{dir}"
DefaultRuntimeDir "{dir}"
PidFile "{dir}/apache-own.pid"
ErrorLog "{dir}/apache.log"
LoadModule mpm_event_module "{modules}/mod_mpm_event.so"
LoadModule authz_core_module "{modules}/mod_authz_core.so"
LoadModule dir_module "{modules}/mod_dir.so"
LoadModule status_module "{modules}/mod_status.so"
ServerLimit 1
StartServers 1
ThreadsPerChild 32
MaxRequestWorkers 32
AsyncRequestWorkerFactor 16
MinSpareThreads 1
MaxSpareThreads 32
MaxKeepAliveRequests 0
KeepAliveTimeout 300
ExtendedStatus On
Listen {ip}:{site}
Listen {ip}:{status}
<VirtualHost {ip}:{site}>
  DocumentRoot "{dir}/site"
  DirectoryIndex index.html
</VirtualHost>
<VirtualHost {ip}:{status}>
  DocumentRoot "{dir}/status"
  CustomLog "{dir}/{reads}" "%{sec}t.%{usec_frac}t"
  <Location "/server-status">
    SetHandler server-status
    Require all granted
  </Location>
</VirtualHost>
`, "{modules}", root.Path("usr/lib/apache2/modules"))
	return expand(map[string]string{
		apacheConfigFile:  text,
		"site/index.html": "hello\n",
		"status/.keep":    "",
	}, dir, ip)
}

// apacheCommand runs Apache as one process (-X): children of it would outlive it
// when it is killed. It refuses to work as root, and to change its user would
// undo that it dies with us; so root starts it as nobody who may use our files.
// That takes effect with the first program that is executed, which is env.
func apacheCommand(ctx context.Context, root *debian.Root, dir string) *exec.Cmd {
	apache := root.Command(ctx, "usr/sbin/apache2", "-X", "-f", filepath.Join(dir, apacheConfigFile))
	if os.Geteuid() != 0 {
		return apache
	}
	cmd := exec.CommandContext(ctx, "env", apache.Args...)
	cmd.Env = apache.Env
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: nobody, Gid: nobody},
		AmbientCaps: []uintptr{capDACOverride},
	}
	return cmd
}

// expand fills in what configurations have in common.
func expand(files map[string]string, dir, ip string) map[string]string {
	replacer := strings.NewReplacer("{dir}", dir, "{ip}", ip, "{site}", SitePort, "{status}", StatusPort, "{reads}", readsFile)
	for name, text := range files {
		files[name] = replacer.Replace(text)
	}
	return files
}
