package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"k8s.io/client-go/rest"

	"guest-metrics-server/test/certificate"
)

const (
	etcdPort              = 2379
	apiServerPort         = 6443
	controllerManagerPort = 10257
	virtControllerPort    = 8444
)

// controllers are the parts of kube-controller-manager that the local cluster
// needs. Those that assume machines would fight with fake-node.
const controllers = "horizontal-pod-autoscaler-controller,garbage-collector-controller,namespace-controller," +
	"serviceaccount-controller,serviceaccount-token-controller,root-ca-certificate-publisher-controller," +
	"endpoints-controller,endpointslice-controller,endpointslice-mirroring-controller," +
	"clusterrole-aggregation-controller,disruption-controller"

// writeCredentials writes the keys and kubeconfigs of the control plane.
func (c *Cluster) writeCredentials() error {
	address := c.block.controlPlane()
	serving, err := c.ca.Server("kube-apiserver",
		[]string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}, address, c.block.apiService())
	if err != nil {
		return err
	}
	managerServing, err := c.ca.Server("kube-controller-manager", nil, address)
	if err != nil {
		return err
	}
	frontProxy, err := c.frontProxyCA.Client("front-proxy-client")
	if err != nil {
		return err
	}
	serviceAccounts, err := c.ca.Client("service-accounts")
	if err != nil {
		return err
	}
	errs := []error{
		c.state.write("pki/ca.crt", c.ca.PEM),
		c.state.write("pki/front-proxy-ca.crt", c.frontProxyCA.PEM),
		c.state.write("pki/service-accounts.key", serviceAccounts.Key),
		c.state.writeIdentity("kube-apiserver", serving),
		c.state.writeIdentity("kube-controller-manager", managerServing),
		c.state.writeIdentity("front-proxy", frontProxy),
	}
	for _, user := range []struct {
		kubeconfig, name string
		groups           []string
	}{
		{"admin", "admin", []string{"system:masters"}},
		{"kube-controller-manager", "system:kube-controller-manager", nil},
		// KubeVirt's components are trusted with everything here, since
		// virt-operator, which makes their roles, is not installed.
		{"kubevirt", "system:serviceaccount:kubevirt:kubevirt-controller", []string{"system:masters"}},
	} {
		config, err := c.UserConfig(user.name, user.groups...)
		if err != nil {
			return err
		}
		errs = append(errs, c.state.writeKubeconfig(user.kubeconfig, config))
	}
	return errors.Join(errs...)
}

func (c *Cluster) startEtcd(ctx context.Context) error {
	address := hostPort(c.block.controlPlane(), etcdPort)
	etcd, err := c.start("etcd", c.binaries["controlplane"], "etcd",
		"--data-dir="+c.state.path("etcd"), "--listen-client-url=http://"+address)
	if err != nil {
		return err
	}
	return etcd.Await(ctx, func(ctx context.Context) error {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return connection.Close()
	})
}

func (c *Cluster) startAPIServer(ctx context.Context) error {
	address := c.block.controlPlane()
	apiServer, err := c.start("kube-apiserver", c.binaries["controlplane"], "kube-apiserver",
		"--etcd-servers=http://"+hostPort(address, etcdPort),
		"--bind-address="+address.String(),
		fmt.Sprintf("--secure-port=%d", apiServerPort),
		// Not an address of this machine: loopback is refused here, and with the
		// reconciler off it is used for nothing.
		"--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none",
		"--tls-cert-file="+c.state.path("pki", "kube-apiserver.crt"),
		"--tls-private-key-file="+c.state.path("pki", "kube-apiserver.key"),
		"--client-ca-file="+c.state.path("pki", "ca.crt"),
		"--service-account-key-file="+c.state.path("pki", "service-accounts.key"),
		"--service-account-signing-key-file="+c.state.path("pki", "service-accounts.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-cluster-ip-range="+c.block.services().String(),
		"--authorization-mode=RBAC", "--allow-privileged=true",
		"--requestheader-client-ca-file="+c.state.path("pki", "front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file="+c.state.path("pki", "front-proxy.crt"),
		"--proxy-client-key-file="+c.state.path("pki", "front-proxy.key"))
	if err != nil {
		return err
	}
	return apiServer.Await(ctx, func(ctx context.Context) error {
		return c.kube.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

// startControllerManager runs the HPA with short windows: a test waits for what a
// production cluster takes minutes to decide.
func (c *Cluster) startControllerManager(ctx context.Context) error {
	address := c.block.controlPlane()
	kubeconfig := c.state.path("kube-controller-manager.kubeconfig")
	flags := []string{
		"kube-controller-manager",
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=" + address.String(),
		fmt.Sprintf("--secure-port=%d", controllerManagerPort),
		"--tls-cert-file=" + c.state.path("pki", "kube-controller-manager.crt"),
		"--tls-private-key-file=" + c.state.path("pki", "kube-controller-manager.key"),
		"--leader-elect=false", "--use-service-account-credentials=true",
		"--service-account-private-key-file=" + c.state.path("pki", "service-accounts.key"),
		"--root-ca-file=" + c.state.path("pki", "ca.crt"),
		"--controllers=" + controllers,
		"--horizontal-pod-autoscaler-sync-period=1s",
		"--horizontal-pod-autoscaler-initial-readiness-delay=1s",
		"--horizontal-pod-autoscaler-cpu-initialization-period=1s",
		"--horizontal-pod-autoscaler-downscale-stabilization=5s",
	}
	manager, err := c.start("kube-controller-manager", c.binaries["controlplane"], append(flags, c.options.ControllerManagerFlags...)...)
	if err != nil {
		return err
	}
	url := "https://" + hostPort(address, controllerManagerPort) + "/healthz"
	return manager.Await(ctx, func(ctx context.Context) error { return get(ctx, url, c.ca, "") })
}

// get succeeds when url answers 200. An empty server name is the URL's host.
func get(ctx context.Context, url string, ca *certificate.Authority, serverName string) error {
	config := &rest.Config{TLSClientConfig: rest.TLSClientConfig{CAData: ca.PEM, ServerName: serverName}}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
