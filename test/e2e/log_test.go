//go:build e2e

package e2e

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

var healthyLog = flag.Duration("healthy-log", time.Minute, "For how long TestAHealthyServersLog asks as an HPA and kube-apiserver do.")

// A healthy server with default flags has nothing to tell at level error, however
// many HPAs ask, and whatever kube-apiserver's probes do.
//
// Not in parallel: other tests stop nodes, which is an error.
func TestAHealthyServersLog(t *testing.T) {
	namespace := newNamespace(t)
	apply(t, namespace, replicaSet("guests", 2, ""))
	address, server := startServer(t, "healthy")
	client := serverClient(t)
	base := "https://" + address
	began := time.Now()
	eventually(t, patience, func(ctx context.Context) string {
		if _, err := fetch(ctx, client, base+"/readyz"); err != nil {
			return err.Error()
		}
		return ""
	})

	ctx, stop := context.WithTimeout(t.Context(), *healthyLog)
	defer stop()
	var asking sync.WaitGroup
	queries, probes := 0, 0
	asking.Go(func() {
		every(ctx, time.Second, func() {
			queries++
			_, _ = fetch(ctx, client, base+metricPath("v1beta2", namespace, "pods", "*", utilization, "app=guests"))
		})
	})
	asking.Go(func() {
		every(ctx, 100*time.Millisecond, func() {
			probes++
			probe(ctx, client, base+"/apis/custom.metrics.k8s.io/v1beta2")
		})
	})
	asking.Wait()

	if gone := regexp.MustCompile(`(?m)^guest_metrics_server_client_gone_total .*`).FindString(metricsAt(t, address)()); gone != "" {
		t.Log(gone)
	}
	errors, warnings := entries(t, server.LogPath(), "E"), entries(t, server.LogPath(), "W")
	t.Logf("%d queries and %d times 5 probes in %s (the server ran for %s): %d entries of level error, %d of level warning:\n%s",
		queries, probes, *healthyLog, time.Since(began).Round(time.Second), len(errors), len(warnings), strings.Join(slices.Concat(errors, warnings), ""))
	if len(errors) > 0 {
		t.Errorf("a healthy server wrote %d entries of level error", len(errors))
	}
	main := filepath.Join(filepath.Dir(cluster.Kubeconfig()), "guest-metrics-server.log")
	t.Logf("the cluster's own server, which kube-apiserver probes, wrote %d entries of level error and %d of level warning:\n%s",
		len(entries(t, main, "E")), len(entries(t, main, "W")), strings.Join(slices.Concat(entries(t, main, "E"), entries(t, main, "W")), ""))
	if strings.Contains(strings.Join(warnings, ""), "--kubeconfig") {
		t.Error("the server warns of --kubeconfig")
	}
}

// probe asks as kube-aggregator does: five times at once, until one is answered.
func probe(ctx context.Context, client *http.Client, url string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var asking sync.WaitGroup
	for range 5 {
		asking.Go(func() {
			if _, err := fetch(ctx, client, url); err == nil {
				cancel()
			}
		})
	}
	asking.Wait()
}

// No client can fill the log.
func TestClientsCannotFillTheLog(t *testing.T) {
	const requests = 300
	address, server := startServer(t, "hostile")
	config := cluster.RESTConfig()
	config.ServerName = "guest-metrics-server.guest-metrics-server.svc"
	unknown := clientOf(t, &rest.Config{TLSClientConfig: rest.TLSClientConfig{CAData: config.CAData, ServerName: config.ServerName}})
	const api = "/apis/custom.metrics.k8s.io/v1beta2"
	for _, attack := range []struct {
		what  string
		path  string
		token string // Another one for each request, so that no cache knows it.
	}{
		{"tokens that are not valid", api, "none"},
		{"timeouts that are none", api + "?timeout=soon", ""},
		{"lists with limits that are none", api + "/namespaces/default/pods?limit=few", ""},
	} {
		before := len(entries(t, server.LogPath(), "EWI"))
		for i := range requests {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+attack.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if attack.token != "" {
				request.Header.Set("Authorization", fmt.Sprintf("Bearer %s%d", attack.token, i))
			}
			response, err := unknown.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		wrote := len(entries(t, server.LogPath(), "EWI")) - before
		t.Logf("%s: %d entries for %d requests", attack.what, wrote, requests)
		if wrote > 50 {
			t.Errorf("%s: %d entries for %d requests", attack.what, wrote, requests)
		}
	}
}

// every calls f at once and then in each interval, until the context ends.
func every(ctx context.Context, interval time.Duration, f func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		f()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// entries returns the entries of a log that have one of the levels.
func entries(t *testing.T, path, levels string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		if len(line) > 5 && strings.ContainsRune(levels, rune(line[0])) && strings.Trim(line[1:5], "0123456789") == "" {
			found = append(found, line)
		}
	}
	return found
}
