//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
)

// A user who may view one namespace learns nothing of another one, whatever the
// path: neither a value nor that an object exists. The paths are asked for
// through the real API server, and of the server itself with the same user's
// certificate.
//
// A path names objects of the other namespace once with names that exist there
// and once with names that do not. Both must be refused in the same words.
//
// Not in parallel: thousands of requests would delay the scaling of other tests.
func TestNothingOfAnotherTenantIsAnswered(t *testing.T) {
	namespace := newNamespace(t)
	shop, bank := namespace+"-shop", namespace+"-bank"
	for name, app := range map[string]string{shop: "web", bank: "vault"} {
		kubectl(t, "create", "namespace", name)
		t.Cleanup(func() {
			_, _ = cluster.Kubectl(context.WithoutCancel(t.Context()), nil, "delete", "namespace", name, "--wait=false")
		})
		apply(t, name, replicaSet(app, 1, `script.guestmetrics.io/cpu-percent: "50"`))
		apply(t, name, fmt.Sprintf(`{apiVersion: v1, kind: Service, metadata: {name: %[1]s, labels: {app: %[1]s}}, spec: {selector: {app: %[1]s}, ports: [{port: 80}]}}`, app))
	}
	kubectl(t, "create", "rolebinding", "viewer", "--clusterrole=view", "--user=teller", "-n", shop)
	teller, err := cluster.UserConfig("teller")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{shop, bank} { // Until there is something to leak.
		eventually(t, patience, func(ctx context.Context) string {
			_, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", name, "pods", "*", utilization, ""))
			return message(err)
		})
	}
	eventually(t, 20*time.Second, func(ctx context.Context) string {
		_, err := ask(ctx, teller, metricPath("v1beta2", shop, "pods", "*", utilization, ""))
		return message(err)
	})

	g := grid{shop: shop, bank: bank, pod: activePods(t, bank)[0]}
	g.vmi = strings.TrimSuffix(strings.TrimPrefix(g.pod, "virt-launcher-"), g.pod[len(g.pod)-6:])
	direct := *teller
	direct.Host = "https://" + serverAddress(t)
	direct.ServerName = "guest-metrics-server.guest-metrics-server.svc"
	for how, client := range map[string]*http.Client{"through the API server": clientOf(t, teller), "directly": clientOf(t, &direct)} {
		host := teller.Host
		if how == "directly" {
			host = direct.Host
		}
		asked, answered := make(map[int]int), 0
		for _, path := range g.paths() {
			code, body := g.get(t, client, host+path.existing)
			asked[code]++
			if code == http.StatusOK {
				leaks := strings.Contains(strings.ToLower(body), g.bank) || strings.Contains(body, g.vmi)
				if leaks || path.own && !strings.Contains(body, g.shop) {
					t.Errorf("%s %s: 200: %s", how, path.existing, body)
				}
				if strings.Contains(body, g.shop) {
					answered++
					continue // With values of now, which another request has not.
				}
			}
			if path.own || path.existing == path.missing {
				continue
			}
			missingCode, missingBody := g.get(t, client, host+path.missing)
			if code != missingCode || g.anonymous(body) != missingBody {
				t.Errorf("%s: existing and missing objects can be told apart:\n%s: %d %s\n%s: %d %s",
					how, path.existing, code, body, path.missing, missingCode, missingBody)
			}
		}
		t.Logf("as a viewer of %s, %s: %d paths, %d answered (all of the viewer's own namespace), by status: %v", shop, how, len(g.paths()), answered, asked)
		if answered == 0 {
			t.Errorf("%s: nothing was answered at all", how)
		}
	}
}

// message returns an error's text, "" without one.
func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// grid makes the paths by which a viewer of shop might learn something of bank.
type grid struct {
	shop, bank string
	pod, vmi   string // Of bank.
}

// gridPath is a path with objects that exist, and the same with such that do not.
type gridPath struct {
	existing, missing string
	own               bool // It is about nothing but the viewer's own namespace.
}

// missingName is the name of neither a namespace nor an object.
const missingName = "nobody"

func (g grid) get(t *testing.T, client *http.Client, address string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// anonymous takes the names that the path had out of an answer.
func (g grid) anonymous(body string) string {
	var pairs []string
	for _, name := range []string{g.bank, g.pod, g.vmi} {
		pairs = append(pairs, name, missingName, strings.ToUpper(name), missingName)
	}
	return strings.NewReplacer(append(pairs, "VAULT", missingName, "vault", missingName)...).Replace(body)
}

func (g grid) paths() []gridPath {
	names := map[inventory.Kind]string{
		inventory.Pods: g.pod, inventory.VMIs: g.vmi, inventory.VMs: g.vmi, inventory.ReplicaSets: "vault",
		inventory.Pools: "vault", inventory.Services: "vault", inventory.Namespaces: g.bank,
	}
	var paths []gridPath
	roots := []string{"/apis/custom.metrics.k8s.io/v1beta1/", "/apis/custom.metrics.k8s.io/v1beta2/"}
	add := func(format string, objects map[string]string) {
		for _, root := range roots {
			existing, missing := format, format
			for placeholder, name := range objects {
				existing = strings.ReplaceAll(existing, placeholder, name)
				missing = strings.ReplaceAll(missing, placeholder, missingName)
			}
			own := strings.NewReplacer("SHOP", g.shop)
			paths = append(paths, gridPath{root + own.Replace(existing), root + own.Replace(missing), len(objects) == 0})
		}
	}
	for _, m := range metric.All() {
		add("namespaces/SHOP/namespaces/{bank}/"+m.Name, map[string]string{"{bank}": g.bank})
		add("namespaces/SHOP/metrics/"+m.Name, nil)
		add("namespaces/{bank}/metrics/"+m.Name, map[string]string{"{bank}": g.bank})
	}
	for _, kind := range inventory.Kinds() {
		objects := map[string]string{"{bank}": g.bank, "{name}": names[kind]}
		for _, name := range []string{utilization, requests} {
			for _, selector := range []string{"", "?labelSelector=app%3Dweb", "?labelSelector=app%3Dweb&metricLabelSelector=aggregate%3Dsum"} {
				path := kind.GroupResource.String() + "/%2A/" + name + selector
				add("namespaces/SHOP/"+path, nil)
				add("namespaces/{bank}/"+path, map[string]string{"{bank}": g.bank})
				add("namespaces/{bank}/"+strings.Replace(path, "%2A", "{name}", 1), objects)
				add("namespaces/SHOP/"+strings.Replace(path, "%2A", "{name}", 1), map[string]string{"{name}": names[kind]})
			}
		}
	}
	for _, kind := range inventory.Kinds() {
		resource := kind.GroupResource.String()
		objects := map[string]string{"{bank}": g.bank, "{name}": names[kind]}
		for _, odd := range []string{
			"RESOURCE/{name}/METRIC", "RESOURCE/%2A/METRIC", "{bank}/RESOURCE/{name}/METRIC", // No namespace.
			"namespaces/SHOP/../{bank}/RESOURCE/{name}/METRIC", "namespaces/SHOP/%2e%2e/{bank}/RESOURCE/{name}/METRIC",
			"namespaces/SHOP/..%2FBANK/RESOURCE/{name}/METRIC", "namespaces/SHOP%2F..%2FBANK/RESOURCE/{name}/METRIC",
			"namespaces/SHOP%2FRESOURCE%2F..%2F..%2FBANK/RESOURCE/{name}/METRIC",
			"namespaces/SHOP/RESOURCE/..%2F..%2FBANK%2FRESOURCE%2FNAME/METRIC",
			"namespaces/SHOP/RESOURCE/{name}%2F..%2F..%2FBANK/METRIC", "namespaces/SHOP/RESOURCE/{bank}%2FNAME/METRIC",
			"namespaces/SHOP//namespaces/{bank}/METRIC", "namespaces//{bank}/RESOURCE/{name}/METRIC", "namespaces/SHOP//{bank}/RESOURCE/{name}/METRIC",
			"namespaces/SHOP/namespaces//{bank}/METRIC", "namespaces/SHOP/RESOURCE//{name}/METRIC", "//namespaces/{bank}/RESOURCE/{name}/METRIC",
			"namespaces/SHOP/./namespaces/{bank}/METRIC", "namespaces/SHOP/namespaces/./{bank}/METRIC", "namespaces/SHOP%00/namespaces/{bank}/METRIC",
			"namespaces/SHOP/Namespaces/{bank}/METRIC", "Namespaces/{bank}/RESOURCE/{name}/METRIC", "NAMESPACES/{bank}/metrics/METRIC",
			"namespaces/SHOP/namespaces/{bank}/METRIC/", "namespaces/SHOP/namespaces/{bank}/status", "namespaces/SHOP/namespaces/{bank}/METRIC/more",
			"namespaces/SHOP/status/{bank}/METRIC", "namespaces/SHOP/finalize/{bank}/METRIC", "namespaces/{bank}/status/METRIC", "namespaces/{bank}/finalize/METRIC",
			"namespaces/SHOP/RESOURCE/{name}/METRIC/proxy", "namespaces/SHOP/namespaces/{bank}/RESOURCE/{name}/METRIC",
			"namespaces/SHOP/namespaces/{bank}/metrics/METRIC", "namespaces/SHOP/metrics/METRIC/namespaces/{bank}",
			"watch/namespaces/{bank}/RESOURCE/{name}/METRIC", "watch/namespaces/SHOP/namespaces/{bank}/METRIC", "proxy/namespaces/{bank}/RESOURCE/{name}/METRIC",
			"namespaces/SHOP/RESOURCE/%2A/METRIC?fieldSelector=metadata.namespace%3DBANK", "namespaces/SHOP/RESOURCE/%2A/METRIC?namespace={bank}",
			"namespaces/SHOP/RESOURCE/{name}/METRIC?fieldSelector=metadata.namespace%3DBANK",
			"namespaces/SHOP/namespaces/%2A/METRIC?labelSelector=kubernetes.io%2Fmetadata.name%3DBANK",
			"namespaces/SHOP/namespaces/%2A/METRIC?fieldSelector=metadata.name%3DBANK", "namespaces/%2A/RESOURCE/{name}/METRIC", "namespaces/%2A/metrics/METRIC",
		} {
			add(strings.NewReplacer("RESOURCE", resource, "METRIC", utilization).Replace(odd), objects)
			add(strings.NewReplacer("RESOURCE", resource, "METRIC", utilization).Replace(odd),
				map[string]string{"{bank}": strings.ToUpper(g.bank), "{name}": strings.ToUpper(names[kind])})
		}
	}
	roots = []string{guestMetricsPath}
	for _, own := range []string{"", "?limit=1", "?labelSelector=app%3Dweb", "?namespace=BANK", "?limit=1&continue=YWZ0ZXIvYS9h"} { // after/a/a
		add("namespaces/SHOP/vmimetrics"+own, nil)
	}
	objects := map[string]string{"{bank}": g.bank, "{name}": g.vmi}
	for _, foreign := range []string{
		"vmimetrics", "vmimetrics/{name}", "vmimetrics?fieldSelector=metadata.namespace%3D{bank}", "scrapetargets", "scrapetargets/{name}",
		"namespaces/{bank}/vmimetrics", "namespaces/{bank}/vmimetrics?limit=1", "namespaces/{bank}/vmimetrics?watch=true", "namespaces/{bank}/vmimetrics/{name}",
		"namespaces/SHOP/vmimetrics/{name}", "namespaces/SHOP/vmimetrics/{name}/status", "namespaces/SHOP/vmimetrics/{bank}%2F{name}",
		"namespaces/SHOP/vmimetrics?fieldSelector=metadata.name%3D{name}", "namespaces/SHOP/vmimetrics?fieldSelector=metadata.namespace%3D{bank}",
		"namespaces/SHOP/vmimetrics?labelSelector=app%3Dvault", "namespaces/SHOP/vmimetrics?labelSelector=kubernetes.io%2Fmetadata.name%3D{bank}",
		"namespaces/SHOP/../{bank}/vmimetrics", "namespaces/SHOP/%2e%2e/{bank}/vmimetrics", "namespaces/SHOP%2F..%2F{bank}/vmimetrics",
		"namespaces/SHOP//vmimetrics/{name}", "namespaces//{bank}/vmimetrics", "namespaces//vmimetrics", "namespaces/%2A/vmimetrics", "namespaces/SHOP/namespaces/{bank}/vmimetrics",
		"namespaces/SHOP/status/{bank}/vmimetrics", "namespaces/{bank}/status/vmimetrics", "Namespaces/{bank}/vmimetrics", "namespaces/SHOP/scrapetargets/{name}",
		"watch/namespaces/{bank}/vmimetrics", "watch/namespaces/SHOP/vmimetrics/{name}", "proxy/namespaces/{bank}/vmimetrics/{name}",
	} {
		add(foreign, objects)
	}
	return paths
}

// serverAddress returns where the server itself listens.
func serverAddress(t *testing.T) string {
	t.Helper()
	out := kubectl(t, "get", "service", "guest-metrics-server", "-n", "guest-metrics-server", "-o", "jsonpath={.spec.clusterIP}")
	if _, err := url.Parse("https://" + out); err != nil {
		t.Fatal(fmt.Errorf("the Service's address: %w", err))
	}
	return out
}
