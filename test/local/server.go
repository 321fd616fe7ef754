package local

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

const (
	serverName      = "guest-metrics-server" // of its Service, service account and namespace
	serverPort      = "443"
	apiServiceLabel = "app.kubernetes.io/name=" + serverName

	serverTokenLifetime = 24 * time.Hour
)

// installed is the shipped manifests as the local cluster applies them: without
// the Deployment, since no kubelet would run it; with a cluster IP on loopback,
// where the process listens; and with the CA of its certificate.
const installed = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- %s
patches:
- target: {kind: Deployment}
  patch: |-
    $patch: delete
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: ignored}
- target: {kind: Service, name: guest-metrics-server}
  patch: |-
    - {op: add, path: /spec/clusterIP, value: %s}
- target: {kind: APIService}
  patch: |-
    - {op: add, path: /spec/caBundle, value: %s}
`

// installedBefore is installed without what tells the API server to use it.
const installedBefore = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- ../all
patches:
- target: {kind: APIService}
  patch: |-
    $patch: delete
    apiVersion: apiregistration.k8s.io/v1
    kind: APIService
    metadata: {name: ignored}
`

// endpointSlice makes the Service look served. Of an APIService's Service the API
// server wants to see an endpoint with the port's name, but it connects to the
// cluster IP; an address on loopback would be refused here.
const endpointSlice = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: guest-metrics-server-local
  namespace: guest-metrics-server
  labels:
    kubernetes.io/service-name: guest-metrics-server
addressType: IPv4
endpoints:
- addresses: [192.0.2.10]
ports:
- name: https
  port: 443
  protocol: TCP
`

// StartServer installs the shipped manifests and starts the given binary where
// its Service leads, with the rights of its service account and no more. Only
// when it is live are its APIServices applied: an APIService without a server
// makes the API server back off for 10 s. It returns when both are available.
func (c *Cluster) StartServer(ctx context.Context, binary string, extraArgs ...string) error {
	if err := c.installServer(ctx); err != nil {
		return fmt.Errorf("install the server: %w", err)
	}
	address := c.block.server().String()
	kubeconfig := c.state.path("server.kubeconfig")
	args := append([]string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=" + address,
		"--secure-port=" + serverPort,
		"--tls-cert-file=" + c.state.path("pki", "server.crt"),
		"--tls-private-key-file=" + c.state.path("pki", "server.key"),
		"--guest-allowed-cidrs=127.0.0.0/8", // Where the local cluster's pods have their addresses.
	}, extraArgs...)
	server, err := c.start(serverName, binary, args...)
	if err != nil {
		return err
	}
	if err := server.Await(ctx, func(ctx context.Context) error {
		return get(ctx, "https://"+address+":"+serverPort+"/livez", c.ca, serverHostName())
	}); err != nil {
		return err
	}
	if _, err := c.Kubectl(ctx, nil, "apply", "--server-side", "-k", c.state.path("server", "all")); err != nil {
		return fmt.Errorf("apply the server's APIServices: %w", err)
	}
	_, err = c.Kubectl(ctx, nil, "wait", "--for=condition=Available", "--timeout=60s", "apiservice", "-l", apiServiceLabel)
	if err != nil {
		return fmt.Errorf("wait for the server's APIServices (its log is %s): %w", server.LogPath(), err)
	}
	return nil
}

// StopServer stops the server, which leaves its APIServices without an answer.
func (c *Cluster) StopServer() error { return c.stop(serverName) }

func (c *Cluster) installServer(ctx context.Context) error {
	base, err := c.baseFrom(c.state.path("server", "all"))
	if err != nil {
		return err
	}
	ca := base64.StdEncoding.EncodeToString(c.ca.PEM)
	serving, err := c.ca.Server(serverHostName(), []string{serverHostName(), serverHostName() + ".cluster.local"})
	if err != nil {
		return err
	}
	if err := errors.Join(
		c.state.write("server/all/kustomization.yaml", fmt.Appendf(nil, installed, base, c.block.server(), ca)),
		c.state.write("server/before/kustomization.yaml", []byte(installedBefore)),
		c.state.writeIdentity("server", serving),
	); err != nil {
		return err
	}
	if _, err := c.Kubectl(ctx, nil, "apply", "--server-side", "-k", c.state.path("server", "before")); err != nil {
		return err
	}
	if _, err := c.Kubectl(ctx, strings.NewReader(endpointSlice), "apply", "--server-side", "-f", "-"); err != nil {
		return err
	}
	return c.writeServerKubeconfig(ctx)
}

// baseFrom returns the path of deploy/base relative to a kustomization, which
// takes no absolute paths.
func (c *Cluster) baseFrom(kustomization string) (string, error) {
	repository, err := filepath.EvalSymlinks(c.repository)
	if err != nil {
		return "", err
	}
	return filepath.Rel(kustomization, filepath.Join(repository, "deploy", "base"))
}

// writeServerKubeconfig lets the server be its service account, as in a pod.
func (c *Cluster) writeServerKubeconfig(ctx context.Context) error {
	lifetime := int64(serverTokenLifetime.Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &lifetime}}
	token, err := c.kube.CoreV1().ServiceAccounts(serverName).CreateToken(ctx, serverName, request, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("get a token of the server's service account: %w", err)
	}
	return c.state.writeKubeconfig("server", &rest.Config{
		Host:            c.admin.Host,
		BearerToken:     token.Status.Token,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.ca.PEM},
	})
}

func serverHostName() string { return serverName + "." + serverName + ".svc" }
