package plugin

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"guest-metrics-server/pkg/plugin/client"
)

// now is when all stories happen.
var now = time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC)

// TestStories runs the plugin against clusters that are files. "cluster" has the
// objects, and "run" a command line, such as explain hpa/web, with all that the user
// then reads. Go's -rewrite writes what is printed into the files.
func TestStories(t *testing.T) {
	t.Setenv("KUBECONFIG", "/dev/null")
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		url := ""
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "cluster":
				_, url = newFakeCluster(t, d.Input)
				return ""
			case "run":
				return run(t, url, strings.Fields(d.Input))
			default:
				d.Fatalf(t, "no such command: %s", d.Cmd)
				return ""
			}
		})
	})
}

// run returns what a command prints, with errors below.
func run(t *testing.T, url string, args []string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	factory := client.NewFactory(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
	factory.Now = func() time.Time { return now }
	command := NewCommand(factory)
	command.SetArgs(append(args, "--server", url, "--cache-dir", t.TempDir()))
	if err := command.ExecuteContext(t.Context()); err != nil {
		errOut.WriteString("error: " + err.Error() + "\n")
	}
	return strings.ReplaceAll(out.String()+errOut.String(), url, "https://cluster")
}
