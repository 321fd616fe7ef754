package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"guest-metrics-server/test/debian"
	"guest-metrics-server/test/process"
)

// The ports of every web server: of what its clients ask for, and of its status
// page, which has one of its own so that firewalls can tell them apart.
const (
	SitePort   = "8080"
	StatusPort = "8081"
)

const startTimeout = 30 * time.Second

// Kind is a kind of web server, by the name of its status page's format.
type Kind string

// The kinds of web servers. Nginx and Apache are Debian's, Prometheus is a
// program in Go with Prometheus' client library.
const (
	Nginx      Kind = "nginx"
	Apache     Kind = "apache"
	Prometheus Kind = "prometheus"
)

// Kinds are all kinds.
var Kinds = []Kind{Nginx, Apache, Prometheus}

// StatusPath is the path of the status page.
func (k Kind) StatusPath() string {
	return map[Kind]string{Nginx: "/stub_status", Apache: "/server-status?auto", Prometheus: "/metrics"}[k]
}

// Unpack gets the programs of a kind. Prometheus needs none: its root is nil.
func Unpack(ctx context.Context, logf func(format string, args ...any), kind Kind) (*debian.Root, error) {
	switch kind {
	case Nginx:
		return debian.Unpack(ctx, logf, "nginx", "nginx")
	case Apache:
		return debian.Unpack(ctx, logf, "apache", "apache2-bin")
	default:
		return nil, nil
	}
}

// Server is a running web server. It answers every GET with a short text.
type Server struct {
	kind  Kind
	dir   string
	ip    string
	child service
}

// service is a child process, or what stands for one.
type service interface {
	Check() error
	Stop() error
}

// Start starts a web server on ports SitePort and StatusPort of an address, with
// its files and logs in dir, and returns when its status page is there. Root is
// what Unpack returned. The caller must Stop it.
func Start(ctx context.Context, root *debian.Root, kind Kind, dir, ip string) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s := &Server{kind: kind, dir: dir, ip: ip}
	err := checkFree(ctx, ip)
	if err != nil {
		return nil, fmt.Errorf("start a web server (%s) on %s: %w", kind, ip, err)
	}
	switch kind {
	case Nginx:
		s.child, err = s.start(ctx, dir, nginxFiles(dir, ip), func(ctx context.Context) *exec.Cmd {
			return nginxCommand(ctx, root, dir)
		})
	case Apache:
		s.child, err = s.start(ctx, dir, apacheFiles(root, dir, ip), func(ctx context.Context) *exec.Cmd {
			return apacheCommand(ctx, root, dir)
		})
	case Prometheus:
		s.child, err = startPrometheus(ctx, dir, ip)
	default:
		err = fmt.Errorf("there is none of this kind, only of %v", Kinds)
	}
	if err != nil {
		return nil, fmt.Errorf("start a web server (%s) on %s: %w", kind, ip, err)
	}
	return s, nil
}

// checkFree reports whether nobody serves there. Else another's status page would
// be taken for ours.
func checkFree(ctx context.Context, ip string) error {
	for _, port := range []string{SitePort, StatusPort} {
		address := net.JoinHostPort(ip, port)
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return errors.Join(fmt.Errorf("another server answers on %s: find it with `ss -ltnp sport = :%s`", address, port), conn.Close())
		}
	}
	return nil
}

// start writes the files and starts a child, whose life ends with Stop and not
// with the context.
func (s *Server) start(ctx context.Context, dir string, files map[string]string, command func(context.Context) *exec.Cmd) (service, error) {
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			return nil, err
		}
	}
	child, err := process.Start(dir, string(s.kind), command(context.WithoutCancel(ctx)))
	if err != nil {
		return nil, err
	}
	if err := child.Await(ctx, s.answers); err != nil {
		return nil, errors.Join(err, child.Stop())
	}
	return child, nil
}

// answers reports whether the status page is there.
func (s *Server) answers(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.StatusURL(), nil)
	if err != nil {
		return err
	}
	request.Close = true
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", s.StatusURL(), response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// client does not ask the proxies that the environment may name.
var client = &http.Client{Transport: &http.Transport{}}

// Kind returns what kind of web server it is.
func (s *Server) Kind() Kind { return s.kind }

// Site returns the address, with its port, that is for clients.
func (s *Server) Site() string { return siteOf(s.ip) }

func siteOf(ip string) string { return net.JoinHostPort(ip, SitePort) }

// StatusURL returns where the status page is.
func (s *Server) StatusURL() string {
	return "http://" + net.JoinHostPort(s.ip, StatusPort) + s.kind.StatusPath()
}

// Check returns an error when the server has ended by itself.
func (s *Server) Check() error { return s.child.Check() }

// Stop ends the server and waits until it has ended.
func (s *Server) Stop() error { return s.child.Stop() }
