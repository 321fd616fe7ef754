package diagnosis

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// now is the time of all snapshots.
var now = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// healthy returns a snapshot of the cluster in testdata/healthy.yaml.
func healthy(t *testing.T) *Snapshot {
	t.Helper()
	objects, err := os.ReadFile("testdata/healthy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := &Snapshot{
		Time:              now,
		KubernetesVersion: "v1.36.3",
		ControllerAccess:  Access{User: "system:serviceaccount:kube-system:horizontal-pod-autoscaler", Allowed: true},
		CallerAccess:      Access{User: "admin", Allowed: true},
		CAAccess:          Access{User: "system:serviceaccount:guest-metrics-server:guest-metrics-server", Allowed: true},
	}
	for _, document := range bytes.Split(objects, []byte("\n---\n")) {
		s.add(t, document)
	}
	s.certify(t, now.Add(365*day), "guest-metrics-server.guest-metrics-server.svc")
	return s
}

// add adds an object in YAML.
func (s *Snapshot) add(t *testing.T, document []byte) {
	t.Helper()
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(document, &kind); err != nil {
		t.Fatal(err)
	}
	switch kind.Kind {
	case "APIService":
		addTo(t, &s.APIServices, document)
	case "ClusterRole":
		addTo(t, &s.ViewRole, document)
	case "KubeVirt":
		addTo(t, &s.KubeVirts, document)
	case "Node":
		addTo(t, &s.Nodes, document)
	case "ScrapeTarget":
		addTo(t, &s.ScrapeTargets, document)
	case "VirtualMachinePool":
		addTo(t, &s.Pools, document)
	case "VirtualMachineInstanceReplicaSet":
		addTo(t, &s.ReplicaSets, document)
	case "VirtualMachine":
		var vm metav1.PartialObjectMetadata // As the API server sends it: no spec.
		if err := yaml.Unmarshal(document, &vm); err != nil {
			t.Fatal(err)
		}
		s.VMs.Items = append(s.VMs.Items, vm)
	case "VirtualMachineInstance":
		addTo(t, &s.VMIs, document)
	case "VirtualMachineInstanceMetrics":
		addTo(t, &s.VMIMetrics, document)
	case "Pod":
		addTo(t, &s.Pods, document)
	case "HorizontalPodAutoscaler":
		addTo(t, &s.HPAs, document)
	case "Deployment":
		addTo(t, &s.Deployments, document)
	default:
		t.Fatalf("no part of a snapshot is for a %q", kind.Kind)
	}
}

func addTo[T any](t *testing.T, part *Part[T], document []byte) {
	t.Helper()
	var object T
	if err := yaml.UnmarshalStrict(document, &object); err != nil {
		t.Fatalf("%v in\n%s", err, document)
	}
	part.Items = append(part.Items, object)
}

// certify gives the server a certificate, and the APIServices the CA that signed it.
func (s *Snapshot) certify(t *testing.T, expires time.Time, name string) {
	t.Helper()
	authority, authorityKey, authorityPEM := certificate(t, "ca", now.Add(3650*day), nil, nil)
	_, _, servingPEM := certificate(t, name, expires, authority, authorityKey)
	for i := range s.APIServices.Items {
		s.APIServices.Items[i].Spec.CABundle = authorityPEM
	}
	s.Certificates.Items = []ServingCertificate{{"guest-metrics-server", "guest-metrics-server-tls", "guest-metrics-server", servingPEM}}
}

// certificate makes a certificate that began a year before its end, or 10 of a CA's.
func certificate(t *testing.T, name string, expires time.Time, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		DNSNames:              []string{name},
		NotBefore:             expires.Add(-366 * day),
		NotAfter:              expires,
		BasicConstraintsValid: true,
	}
	if parent == nil {
		template.IsCA, template.KeyUsage, template.NotBefore = true, x509.KeyUsageCertSign, expires.Add(-3660*day)
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
