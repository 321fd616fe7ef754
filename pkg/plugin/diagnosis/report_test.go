package diagnosis

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guest-metrics-server/pkg/plugin/findings"
)

var update = flag.Bool("update", false, "write the expected output into testdata")

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-update writes it), -want +got:\n%s", path, diff)
	}
}

func text(t *testing.T, r *Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := r.Print(&out, Colors{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestAHealthyClusterHasNoFinding(t *testing.T) {
	report := Examine(healthy(t), nil)
	if got := report.Result(); got != OK {
		t.Errorf("the result is %s, want %s", got, OK)
	}
	golden(t, "healthy.txt", text(t, report))
}

// A tenant sees little, and what is seen is still judged.
func TestWhatIsNotSeenIsNamedAndTheRestGoesOn(t *testing.T) {
	s := healthy(t)
	s.Namespace = "shop"
	s.APIServices = unread(s.APIServices, "APIServices: you may not list them")
	s.Certificates = unread(s.Certificates, "Secrets: you may not list them in namespace guest-metrics-server")
	s.ControllerAccess = Access{Unread: "you may not ask what other users may do"}
	s.CAAccess = s.ControllerAccess
	s.ViewRole = unread(s.ViewRole, "ClusterRole view: you may not get it")
	s.KubeVirts = unread(s.KubeVirts, "KubeVirts: you may not list them")
	s.Nodes = unread(s.Nodes, "Nodes: you may not list them")
	s.ScrapeTargets = unread(s.ScrapeTargets, "ScrapeTargets: you may not list them")
	if got := Examine(s, nil).Result(); got != Unseen {
		t.Errorf("the result is %s, want %s", got, Unseen)
	}
	pool(s).Spec.Paused = true
	golden(t, "tenant.txt", text(t, Examine(s, nil)))
}

// Whoever may read nothing at all gets a report of what could not be seen.
func TestNothingSeenIsNoFinding(t *testing.T) {
	nothing := &Snapshot{Time: now, ControllerAccess: Access{Unread: "no"}, CallerAccess: Access{Unread: "no"}, CAAccess: Access{Unread: "no"}}
	for _, part := range []*string{
		&nothing.APIServices.Unread, &nothing.Certificates.Unread, &nothing.ViewRole.Unread, &nothing.KubeVirts.Unread,
		&nothing.Nodes.Unread, &nothing.ScrapeTargets.Unread, &nothing.VMIs.Unread, &nothing.VMs.Unread, &nothing.VMIMetrics.Unread,
		&nothing.Pods.Unread, &nothing.Pools.Unread, &nothing.ReplicaSets.Unread, &nothing.HPAs.Unread, &nothing.Deployments.Unread,
	} {
		*part = "no"
	}
	report := Examine(nothing, nil)
	for _, category := range report.Categories {
		for _, check := range category.Checks {
			if check.Result != Unseen {
				t.Errorf("%q is %s, want %s", check.Statement, check.Result, Unseen)
			}
		}
	}
}

func unread[T any](_ Part[T], why string) Part[T] { return Part[T]{Unread: why} }

func TestJSON(t *testing.T) {
	s := healthy(t)
	pool(s).Spec.Paused = true
	s.Nodes = unread(s.Nodes, "Nodes: you may not list them")
	var out bytes.Buffer
	if err := Examine(s, nil).PrintJSON(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", out.String())
}

func TestIgnoredFindingsAreCountedOnly(t *testing.T) {
	s := healthy(t)
	pool(s).Spec.Paused = true
	report := Examine(s, []findings.Code{"gm0503"})
	if report.Result() != OK || report.Counts() != (Counts{Ignored: 1}) {
		t.Errorf("the result is %s with %+v, want %s with 1 ignored", report.Result(), report.Counts(), OK)
	}
	if got, want := text(t, report), "Healthy, 1 finding ignored.\n"; !strings.HasSuffix(got, want) {
		t.Errorf("the report ends with %q, want %q", got[len(got)-len(want):], want)
	}
}

// Tenants and guests write into messages, which end in an administrator's terminal.
func TestControlCharactersAreNotPrinted(t *testing.T) {
	s := healthy(t)
	vmi(s, "web-0").Status.Conditions = paused("\x1b[2Jcleared\r")
	if got := text(t, Examine(s, nil)); strings.ContainsAny(got, "\x1b\r") || !strings.Contains(got, " [2Jcleared") {
		t.Errorf("want control characters replaced by spaces, got\n%q", got)
	}
}

func TestNearest(t *testing.T) {
	for name, want := range map[string][]string{
		"guest_cpu_utilisation_percent": {"guest_cpu_utilization_percent"},
		"guest_cpu_utilization":         {"guest_cpu_utilization_percent"},
		"http_requests_per_second":      {"guest_http_requests_per_second"},
		"guest_load_5":                  {"guest_load_5m", "guest_load_1m", "guest_load_15m"},
		"queue_length":                  nil,
		"":                              nil,
	} {
		if diff := cmp.Diff(want, nearest(name)); diff != "" {
			t.Errorf("nearest to %q, -want +got:\n%s", name, diff)
		}
	}
}

// Many VMIs with one fault are one paragraph of text, and all of them in JSON.
func TestManyObjectsWithOneFindingArePrintedInShort(t *testing.T) {
	s := healthy(t)
	for i := range 20 {
		more := vmi(s, "web-0").DeepCopy()
		more.Name = fmt.Sprintf("web-%d", i+2)
		more.Status.Conditions = paused("VMI was paused by user")
		s.VMIs.Items = append(s.VMIs.Items, *more)
	}
	report := Examine(s, nil)
	if got := report.Counts().Warnings; got != 20 {
		t.Errorf("%d warnings, want 20", got)
	}
	golden(t, "many.txt", text(t, onlyFindings(report)))
}
