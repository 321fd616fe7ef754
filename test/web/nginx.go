package web

import (
	"context"
	"os/exec"
	"path/filepath"

	"guest-metrics-server/test/debian"
)

// nginxFiles is nginx with one process, which does all the work and ends with us.
func nginxFiles(dir, ip string) map[string]string {
	return expand(map[string]string{"nginx.conf": `
daemon off;
master_process off;
pid "{dir}/nginx-own.pid";
error_log stderr;
events { worker_connections 512; }
http {
  access_log off;
  log_format moment '$msec';
  keepalive_timeout 300s;
  keepalive_requests 1000000;
  client_body_temp_path "{dir}/tmp";
  proxy_temp_path "{dir}/tmp";
  fastcgi_temp_path "{dir}/tmp";
  uwsgi_temp_path "{dir}/tmp";
  scgi_temp_path "{dir}/tmp";
  server {
    listen {ip}:{site};
    default_type text/plain;
    location / { return 200 "hello\n"; }
  }
  server {
    listen {ip}:{status};
    access_log "{dir}/{reads}" moment;
    location = /stub_status { stub_status; }
  }
}
`}, dir, ip)
}

func nginxCommand(ctx context.Context, root *debian.Root, dir string) *exec.Cmd {
	return root.Command(ctx, "usr/sbin/nginx", "-e", "stderr", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
}
