//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"guest-metrics-server/test/web"
)

// A story of requests that come and go.
type requestStory struct {
	pool     string
	kind     web.Kind
	install  func(t *testing.T, namespace, pool string, kind web.Kind)
	perGuest float64 // The HPA's target.
}

func TestScalingOnRequests(t *testing.T) {
	t.Parallel()
	const perGuest = 50
	for name, story := range map[string]requestStory{
		"the example, on CPU and requests": {"fedora-nginx", web.Nginx, installExample, 100},
		"on an Object metric of the pool": {"by-pool", web.Apache, func(t *testing.T, namespace, pool string, kind web.Kind) {
			installWeb(t, namespace, pool, kind, perGuest, "apiVersion: pool.kubevirt.io/v1beta1, kind: VirtualMachinePool")
		}, perGuest},
		"on an Object metric of a Service": {"by-service", web.Prometheus, func(t *testing.T, namespace, pool string, kind web.Kind) {
			installWeb(t, namespace, pool, kind, perGuest, "apiVersion: v1, kind: Service")
		}, perGuest},
	} {
		t.Run(story.pool, func(t *testing.T) {
			t.Parallel()
			t.Log(name)
			story.run(t)
		})
	}
}

func (s requestStory) run(t *testing.T) {
	const low, high = 2, 4
	namespace := newNamespace(t)
	line := watchReplicas(t, namespace, s.pool)
	s.install(t, namespace, s.pool, s.kind)
	clients := serve(t, namespace, "", s.kind)
	set := func(why string, rate float64, replicas int) {
		clients.SetRate(rate)
		line.wait(t, fmt.Sprintf("%s: %g requests per second", why, rate), replicas)
	}
	// Some at least: Prometheus' counters are not on the page before the first.
	little, much := 0.2*s.perGuest, (high-0.5)*s.perGuest
	set("a few", little, low)
	eventually(t, patience, func(ctx context.Context) string {
		if rate, err := poolMetric(ctx, namespace, s.pool, requests); err != nil || rate <= 0 {
			return fmt.Sprintf("the pool reads %g requests per second: %v", rate, err)
		}
		return ""
	})
	set("they come", much, high)
	hold(t, 5*time.Second, map[*timeline]int{line: high}, always)
	set("they go", little, low)
	if line.most > high {
		t.Errorf("there were %d replicas, %d are needed", line.most, high)
	}
}

// installExample installs the pool of the manifests, whose HPA is on CPU, too.
func installExample(t *testing.T, namespace, _ string, _ web.Kind) {
	kubectl(t, "apply", "--server-side", "-n", namespace, "-k", "testdata/requests")
}

// installWeb installs a pool, a Service of the same name, and an HPA on the
// requests to the object that is described.
func installWeb(t *testing.T, namespace, name string, kind web.Kind, perGuest int, described string) {
	apply(t, namespace, pool(name, 2, exactWarmup, ", "+statusPage(kind)))
	apply(t, namespace, fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec:
  selector: {app: %[1]s}
  ports: [{port: 80}]
`, name))
	apply(t, namespace, autoscaler(name, 2, 6, fmt.Sprintf(
		`{type: Object, object: {metric: {name: %s}, target: {type: AverageValue, averageValue: "%d"}, describedObject: {%s, name: %s}}}`,
		requests, perGuest, described, name)))
}
