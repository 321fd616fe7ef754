package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"guest-metrics-server/pkg/plugin/client"
	"guest-metrics-server/pkg/plugin/diagnosis"
)

// run runs doctor against an API server and returns what it prints, and its exit code.
func run(t *testing.T, url string, args ...string) (output string, code int, err error) {
	t.Helper()
	t.Setenv("KUBECONFIG", "/dev/null")
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	factory := client.NewFactory(streams)
	factory.Now = func() time.Time { return time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC) }
	*factory.Flags.APIServer = url
	*factory.Flags.Namespace = "shop"
	command := NewCommand(factory)
	command.SetArgs(args)
	command.SilenceErrors, command.SilenceUsage = true, true
	err = command.ExecuteContext(t.Context())
	var code3 exit
	switch {
	case errors.As(err, &code3):
		code = code3.ExitCode()
	case err != nil:
		code = 1
	}
	return out.String(), code, err
}

// results are the checks of a JSON report with anything but "ok", with their codes.
func results(t *testing.T, output string) map[string][]string {
	t.Helper()
	var report diagnosis.Report
	if err := json.NewDecoder(strings.NewReader(output)).Decode(&report); err != nil {
		t.Fatalf("%v in\n%s", err, output)
	}
	got := make(map[string][]string)
	for _, category := range report.Categories {
		for _, check := range category.Checks {
			if check.Result == diagnosis.OK {
				continue
			}
			got[check.Statement] = check.Unseen
			for _, f := range check.Findings {
				got[check.Statement] = append(got[check.Statement], string(f.Code)+" "+f.Object.String())
			}
		}
	}
	return got
}

// All parts are read: the healthy cluster of package diagnosis has one flaw here, a
// certificate that is none.
func TestReadsAllParts(t *testing.T) {
	for _, args := range [][]string{{"-o", "json"}, {"-o", "json", "-A"}} {
		_, url := newAPIServer(t, theServer)
		output, code, _ := run(t, url, args...)
		want := map[string][]string{"certificates are valid, and for 14 days more": {"GM0010 Secret guest-metrics-server/tls"}}
		if diff := cmp.Diff(want, results(t, output)); diff != "" || code != 3 {
			t.Errorf("%v: exit code %d, want 3; -want +got:\n%s", args, code, diff)
		}
		if strings.Contains(output, "secret") {
			t.Errorf("the private key is in the output:\n%s", output)
		}
	}
}

func TestIgnoredFindingsDoNotCount(t *testing.T) {
	_, url := newAPIServer(t, theServer)
	output, code, _ := run(t, url, "--ignore", "gm0010")
	if code != 0 || !strings.HasSuffix(output, "Healthy, 1 finding ignored.\n") {
		t.Errorf("exit code %d, want 0, and a healthy cluster; got:\n%s", code, output)
	}
}

func TestRights(t *testing.T) {
	s, url := newAPIServer(t, theServer)
	s.may = func(user, resource string) bool { return false }
	output, code, _ := run(t, url, "-o", "json", "--ignore", "GM0010")
	want := map[string][]string{
		"the HPA controller may read the metrics": {"GM0101 User system:serviceaccount:kube-system:horizontal-pod-autoscaler"},
		"you may read the metrics":                {"GM0103 User shop/somebody"},
		"the server may read KubeVirt's CA":       {"GM0104 User system:serviceaccount:guest-metrics-server:server"},
	}
	if diff := cmp.Diff(want, results(t, output)); diff != "" || code != 3 {
		t.Errorf("exit code %d, want 3; -want +got:\n%s", code, diff)
	}
}

// A caller without rights learns what was not seen, and that is no finding.
func TestWithoutRights(t *testing.T) {
	s, url := newAPIServer(t, theServer)
	s.denied = func(string) bool { return true }
	output, code, _ := run(t, url)
	if code != 0 || strings.Contains(output, "√") || strings.Contains(output, "GM0") ||
		!strings.Contains(output, "not seen: HorizontalPodAutoscalers in namespace shop: you may not read them") {
		t.Errorf("exit code %d, want 0, and nothing seen; got:\n%s", code, output)
	}
}

func TestKubeVirtThatIsNotInstalled(t *testing.T) {
	s, url := newAPIServer(t, theServer)
	for list := range s.lists {
		if strings.Contains(list, "kubevirt.io") {
			delete(s.lists, list)
		}
	}
	output, _, _ := run(t, url, "-o", "json", "--ignore", "GM0010")
	if diff := cmp.Diff([]string{"GM0201 KubeVirt"}, results(t, output)["KubeVirt 1.6 or newer is installed"]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A KubeVirt that is not deployed, such as a tenant can create, is not the cluster's.
func TestTheKubeVirtThatIsDeployedCounts(t *testing.T) {
	_, url := newAPIServer(t, theServer+`
---
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {namespace: cnv, name: real}
status: {phase: Deployed, observedKubeVirtVersion: v1.8.0}
`)
	output, _, _ := run(t, url)
	if want := "√ KubeVirt v1.8.0 in namespace cnv is in order\n"; !strings.Contains(output, want) {
		t.Errorf("want %q, got:\n%s", want, output)
	}
}

// KubeVirt 1.6 has pools in v1alpha1 only.
func TestPoolsOfAnOldKubeVirt(t *testing.T) {
	s, url := newAPIServer(t, theServer)
	pools := listPaths["VirtualMachinePool"]
	s.lists[strings.Replace(pools, "v1beta1", "v1alpha1", 1)] = s.lists[pools]
	delete(s.lists, pools)
	output, code, _ := run(t, url, "--ignore", "GM0010")
	if code != 0 {
		t.Errorf("exit code %d, want 0; got:\n%s", code, output)
	}
}

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{{"-o", "yaml"}, {"--ignore", "GM9999"}, {"--wait", "-1s"}, {"hpa/web"}} {
		output, code, err := run(t, "http://127.0.0.1:1", args...)
		if code != 1 || output != "" {
			t.Errorf("%v: exit code %d, want 1 and no report; got %v and\n%s", args, code, err, output)
		}
	}
}

func TestAClusterThatCannotBeReached(t *testing.T) {
	_, code, err := run(t, "http://127.0.0.1:1")
	if code != 1 || err == nil || !strings.Contains(err.Error(), "ask http://127.0.0.1:1 for its version") {
		t.Errorf("exit code %d, want 1; got %v", code, err)
	}
}

// Waiting ends when the cluster is healthy, or with the newest report.
func TestWait(t *testing.T) {
	ill := diagnosis.Examine(&diagnosis.Snapshot{}, nil)
	well := &diagnosis.Report{}
	for name, c := range map[string]struct {
		wait  time.Duration
		looks []*diagnosis.Report // nil for a cluster that cannot be reached; the last one again and again.
		want  *diagnosis.Report
		took  time.Duration
	}{
		"healthy at once":        {time.Minute, []*diagnosis.Report{well}, well, 0},
		"healthy later":          {time.Minute, []*diagnosis.Report{ill, nil, ill, well}, well, 3 * retryEvery},
		"never healthy":          {9 * time.Second, []*diagnosis.Report{nil, ill}, ill, 9 * time.Second},
		"lost in the end":        {9 * time.Second, []*diagnosis.Report{ill, nil}, ill, 9 * time.Second},
		"not reached":            {9 * time.Second, []*diagnosis.Report{nil}, nil, 9 * time.Second},
		"without waiting":        {0, []*diagnosis.Report{ill, well}, ill, 0},
		"without being answered": {0, []*diagnosis.Report{nil, well}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				o := options{wait: c.wait}
				got, err := o.examine(t.Context(), func(context.Context) (*diagnosis.Report, error) {
					report := c.looks[0]
					if len(c.looks) > 1 {
						c.looks = c.looks[1:]
					}
					if report == nil {
						return nil, errors.New("connection refused")
					}
					return report, nil
				})
				if got != c.want || (err == nil) != (c.want != nil) {
					t.Errorf("got report %p and error %v, want report %p", got, err, c.want)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("it took %s, want %s", took, c.took)
				}
			})
		})
	}
}

func TestColorsAreForTerminals(t *testing.T) {
	if got := colorsOf(&bytes.Buffer{}); got != (diagnosis.Colors{}) {
		t.Errorf("a buffer gets colors: %+v", got)
	}
}
