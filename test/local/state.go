package local

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"guest-metrics-server/test/certificate"
	"guest-metrics-server/test/filelock"
)

// state is the state directory. It holds logs, process ids, kubeconfigs, keys
// and etcd's data, and nothing in it outlives the next start.
type state struct {
	dir  string
	lock *os.File
}

func openState(dir string) (*state, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the state directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil { // kustomize compares real paths
		return nil, fmt.Errorf("find the state directory: %w", err)
	}
	lock, err := filelock.Try(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("a cluster runs in %s: stop it, or choose another state directory: %w", dir, err)
	}
	s := &state{dir, lock}
	if err := s.clear(); err != nil {
		return nil, errors.Join(fmt.Errorf("clear the state directory: %w", err), lock.Close())
	}
	return s, nil
}

// clear removes what a former cluster left, and only that: the directory is the
// caller's.
func (s *state) clear() error {
	var errs []error
	for _, pattern := range []string{"*.log", "*.pid", "*.kubeconfig", "etcd", "pki", "server", "kubectl", "kubectl-cache"} {
		paths, err := filepath.Glob(s.path(pattern))
		errs = append(errs, err)
		for _, path := range paths {
			errs = append(errs, os.RemoveAll(path))
		}
	}
	return errors.Join(errs...)
}

func (s *state) path(elements ...string) string {
	return filepath.Join(append([]string{s.dir}, elements...)...)
}

func (s *state) write(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o700); err != nil {
		return err
	}
	return os.WriteFile(s.path(name), content, 0o600)
}

func (s *state) writeExecutable(name, text string) error {
	return os.WriteFile(s.path(name), []byte(text), 0o700)
}

// writeIdentity writes name.crt and name.key to the pki directory. They have a
// directory of their own, since KubeVirt reads its certificates again whenever
// anything changes beside them, and says so in its log: a log beside them would
// never end.
func (s *state) writeIdentity(name string, i *certificate.Identity) error {
	return errors.Join(s.write("pki/"+name+".crt", i.Certificate), s.write("pki/"+name+".key", i.Key))
}

// writeKubeconfig writes name.kubeconfig.
func (s *state) writeKubeconfig(name string, config *rest.Config) error {
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters["local"] = &clientcmdapi.Cluster{
		Server:                   config.Host,
		CertificateAuthorityData: config.CAData,
	}
	kubeconfig.AuthInfos[name] = &clientcmdapi.AuthInfo{
		ClientCertificateData: config.CertData,
		ClientKeyData:         config.KeyData,
		Token:                 config.BearerToken,
	}
	kubeconfig.Contexts["local"] = &clientcmdapi.Context{Cluster: "local", AuthInfo: name}
	kubeconfig.CurrentContext = "local"
	text, err := clientcmd.Write(*kubeconfig)
	if err != nil {
		return fmt.Errorf("make the kubeconfig of %s: %w", name, err)
	}
	return s.write(name+".kubeconfig", text)
}

func hostPort(address netip.Addr, port int) string {
	return net.JoinHostPort(address.String(), strconv.Itoa(port))
}
