//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"guest-metrics-server/pkg/reason"
	"guest-metrics-server/test/web"
)

// A mistake is an annotation that cannot be understood.
type mistake struct {
	name, annotation string
	wrong, right     string
}

// An annotation that cannot be understood is told wherever somebody may look, and
// costs the VMI this one metric. Mended on the VMI, it works at once.
func TestAnnotationsThatAreNotUnderstood(t *testing.T) {
	t.Parallel()
	for _, m := range []mistake{
		{"port", "guestmetrics.io/http-port", "70000", web.StatusPort},
		{"selector", "guestmetrics.io/http-series", `http_requests_total{code=~"["}`, `http_requests_total{code=~"2.."}`},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			m.tellAndMend(t)
		})
	}
}

func (m mistake) tellAndMend(t *testing.T) {
	namespace := newNamespace(t)
	before := annotationProblems(t)
	apply(t, namespace, replicaSet("web", 1, fmt.Sprintf("%s, %s: %q", statusPage(web.Prometheus), m.annotation, m.wrong)))
	clients := serve(t, namespace, "", web.Prometheus)
	clients.SetRate(20)
	var vmi string
	eventually(t, patience, func(ctx context.Context) string {
		values, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", namespace, vmiResources, "*", utilization, ""))
		if err != nil {
			return err.Error()
		}
		vmi = values[0].DescribedObject.Name
		return ""
	})
	read := func(ctx context.Context, metric string) (time.Time, error) {
		values, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", namespace, vmiResources, vmi, metric, ""))
		if err != nil {
			return time.Time{}, err
		}
		return values[0].Timestamp.Time, nil
	}

	_, err := read(t.Context(), requests)
	if err == nil || !strings.Contains(err.Error(), string(reason.BadEndpoint)) || !strings.Contains(err.Error(), m.annotation) {
		t.Errorf("the requests: %v, want an error that names %s", err, m.annotation)
	}
	t.Log(err)
	awaitEvent(t, namespace, vmi, "Warning", "AnnotationNotUnderstood", m.annotation)
	if after := annotationProblems(t); after <= before {
		t.Errorf("annotation problems were counted %d times before, and %d times after it", before, after)
	}
	first, err := read(t.Context(), utilization)
	if err != nil {
		t.Fatalf("the guest's CPU: %v", err)
	}
	eventually(t, patience, func(ctx context.Context) string {
		if last, err := read(ctx, utilization); err != nil || !last.After(first) {
			return fmt.Sprintf("the guest's CPU is as of %s, and before of %s: %v", last, first, err)
		}
		return ""
	})

	kubectl(t, "annotate", "vmi", "-n", namespace, vmi, "--overwrite", m.annotation+"="+m.right)
	eventually(t, patience, func(ctx context.Context) string {
		values, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", namespace, vmiResources, vmi, requests, ""))
		if err != nil {
			return err.Error()
		}
		if values[0].Value.Sign() <= 0 {
			return "no requests are counted"
		}
		return ""
	})
	awaitEvent(t, namespace, vmi, "Normal", "StatusPageDetected", "HTTP requests are counted by http_requests_total")
}

// awaitEvent waits until kubectl describe tells of an event of a VMI.
func awaitEvent(t *testing.T, namespace, vmi, kind, reason, message string) {
	t.Helper()
	eventually(t, patience, func(ctx context.Context) string {
		description, err := cluster.Kubectl(ctx, nil, "describe", "vmi", "-n", namespace, vmi)
		if err != nil {
			return err.Error()
		}
		_, events, _ := strings.Cut(description, "\nEvents:")
		for line := range strings.Lines(events) {
			if strings.Contains(line, kind) && strings.Contains(line, reason) && strings.Contains(line, message) {
				t.Log(strings.TrimSpace(line))
				return ""
			}
		}
		return fmt.Sprintf("no event %s with %q: %s", reason, message, events)
	})
}

var problemsMetric = regexp.MustCompile(`(?m)^guest_metrics_server_annotation_problems_total (\d+)$`)

// annotationProblems reads the server's own count.
func annotationProblems(t *testing.T) int {
	t.Helper()
	page := serverMetrics(t)()
	match := problemsMetric.FindStringSubmatch(page)
	if match == nil {
		t.Fatalf("the server does not count annotation problems:\n%s", page)
	}
	count, err := strconv.Atoi(match[1])
	if err != nil {
		t.Fatal(err)
	}
	return count
}
