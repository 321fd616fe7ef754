package domainstats

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"guest-metrics-server/pkg/series"
)

// render writes what a response says, a line for each VMI and each of its series.
func render(response Response) string {
	var out strings.Builder
	for _, s := range response.Samples {
		fmt.Fprintf(&out, "%s/%s\n", s.Namespace, s.Name)
		for i, key := range s.Layout.Keys {
			fmt.Fprintf(&out, "  %s[%s] %v\n", strings.TrimPrefix(key.Family.String(), series.VirtHandlerPrefix), strings.ReplaceAll(key.Device, "\x00", " "), s.Values[i])
		}
	}
	for _, o := range response.Oversized {
		fmt.Fprintf(&out, "%s/%s oversized, %d lines: %s\n", o.Namespace, o.Name, o.Lines, o.Why())
	}
	if response.Malformed > 0 {
		fmt.Fprintf(&out, "malformed %d: %v\n", response.Malformed, response.Problem)
	}
	return out.String()
}

func decodeFile(t testing.TB, name string) Response {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	response, err := Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestDecodeOfARealGuestsPage(t *testing.T) {
	want := `default/web1
  cpu_usage_seconds_total[] 7.92
  filesystem_capacity_bytes[/mnt vda] 5.2685824e+07
  filesystem_used_bytes[/mnt vda] 14336
  memory_available_bytes[] 2.28732928e+08
  memory_pgmajfault_total[] 0
  memory_usable_bytes[] 1.8737152e+08
  network_receive_bytes_total[default] 1.016718e+06
  network_receive_packets_total[default] 9962
  network_transmit_bytes_total[default] 1.844412e+06
  network_transmit_packets_total[default] 9871
  storage_iops_read_total[rootdisk] 11
  storage_iops_write_total[rootdisk] 1
  storage_read_traffic_bytes_total[rootdisk] 13824
  storage_write_traffic_bytes_total[rootdisk] 1024
  vcpu_delay_seconds_total[0] 0.477558224
  vcpu_delay_seconds_total[1] 0.419978433
  vcpu_seconds_total[0] 4.76
  vcpu_seconds_total[1] 2.13
`
	got := render(decodeFile(t, "virt-handler-v1.8-one-real-guest.txt"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestVMIsOfTheSameShapeShareALayoutFromPageToPage(t *testing.T) {
	first := decodeFile(t, "virt-handler-v1.8-ten-scripted.txt")
	second := decodeFile(t, "virt-handler-v1.8-ten-scripted.txt")
	if len(first.Samples) != 10 || len(second.Samples) != 10 {
		t.Fatalf("got %d and %d samples, want 10 each", len(first.Samples), len(second.Samples))
	}
	for i := range second.Samples {
		if second.Samples[i].Layout != first.Samples[0].Layout {
			t.Errorf("%s has a layout of its own", second.Samples[i].Name)
		}
	}
}

func TestDecode(t *testing.T) {
	const vcpu = `kubevirt_vmi_vcpu_seconds_total{namespace="n",name="a",id="0"} `
	for _, test := range []struct{ name, response, want string }{
		{"empty response", "", ""},
		{"other families are skipped", "go_goroutines 9\nkubevirt_vmi_node_cpu_affinity{namespace=\"n\",name=\"a\"} 4\n", ""},
		{
			"labels in any order, users' labels beside them",
			`kubevirt_vmi_vcpu_seconds_total{state="running",name="a",kubernetes_vmi_label_name="x",kubernetes_vmi_label_id="7",id="3",namespace="n"} 1.5` + "\n",
			"n/a\n  vcpu_seconds_total[3] 1.5\n",
		},
		{
			"the state of a vCPU is no part of its identity",
			`kubevirt_vmi_vcpu_seconds_total{namespace="n",name="a",id="0",state="blocked"} 1` + "\n",
			"n/a\n  vcpu_seconds_total[0] 1\n",
		},
		{"NaN is unknown", vcpu + "NaN\n", "n/a\n  vcpu_seconds_total[0] NaN\n"},
		{"an infinite counter is unknown", vcpu + "+Inf\n", "n/a\n  vcpu_seconds_total[0] NaN\n"},
		{"a negative counter is unknown", vcpu + "-1\n", "n/a\n  vcpu_seconds_total[0] NaN\n"},
		{"a series that stands there twice is unknown", vcpu + "1\n" + vcpu + "2\n", "n/a\n  vcpu_seconds_total[0] NaN\n"},
		{
			"the same name in two namespaces is two VMIs",
			vcpu + "1\n" + strings.ReplaceAll(vcpu, `"n"`, `"m"`) + "2\n",
			"n/a\n  vcpu_seconds_total[0] 1\nm/a\n  vcpu_seconds_total[0] 2\n",
		},
		{
			"a family in two blocks is one family",
			vcpu + "1\nkubevirt_vmi_cpu_usage_seconds_total{namespace=\"n\",name=\"a\"} 5\n" + vcpu + "2\n" + strings.ReplaceAll(vcpu, `"0"`, `"1"`) + "3\n",
			"n/a\n  vcpu_seconds_total[0] NaN\n  cpu_usage_seconds_total[] 5\n  vcpu_seconds_total[1] 3\n",
		},
		{
			"an exemplar is no value, and no label",
			strings.Repeat(`kubevirt_vmi_vcpu_seconds_total{id="X",name="a",namespace="n",node="n1"} 7 # {trace_id="t"} 9`+"\n", 2),
			"n/a\n  vcpu_seconds_total[X] NaN\n",
		},
		{
			"equal exemplars of several lines",
			`kubevirt_vmi_vcpu_seconds_total{id="0",name="a",namespace="n",node="n1"} 7 # {trace_id="t"} 9` + "\n" +
				`kubevirt_vmi_vcpu_seconds_total{id="1",name="a",namespace="n",node="n1"} 7 # {trace_id="t"} 9` + "\n",
			"n/a\n  vcpu_seconds_total[0] 7\n  vcpu_seconds_total[1] 7\n",
		},
		{
			"two disks at one mount point",
			`kubevirt_vmi_filesystem_used_bytes{disk_name="vda1",mount_point="/",name="a",namespace="n"} 5` + "\n" +
				`kubevirt_vmi_filesystem_used_bytes{disk_name="vdb1",mount_point="/",name="a",namespace="n"} 6` + "\n",
			"n/a\n  filesystem_used_bytes[/ vda1] 5\n  filesystem_used_bytes[/ vdb1] 6\n",
		},
		{
			"a disk twice at one mount point",
			strings.Repeat(`kubevirt_vmi_filesystem_used_bytes{disk_name="vda1",mount_point="/",name="a",namespace="n"} 5`+"\n", 2),
			"n/a\n  filesystem_used_bytes[/ vda1] NaN\n",
		},
		{
			"a line that cannot be read costs one series",
			vcpu + "1\n" + strings.ReplaceAll(vcpu, `"a"`, `"b"`) + "one\n",
			"n/a\n  vcpu_seconds_total[0] 1\nmalformed 1: byte 65, series kubevirt_vmi_vcpu_seconds_total: the value \"one\" is not a number\n",
		},
		{
			"a series of no VMI is malformed",
			"kubevirt_vmi_vcpu_seconds_total{id=\"0\"} 1\n",
			"malformed 1: series kubevirt_vmi_vcpu_seconds_total lacks the label namespace or name\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, round := range []string{"first response", "same response again"} {
				response, err := Decode(strings.NewReader(test.response))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, render(response)); diff != "" {
					t.Errorf("%s, -want +got:\n%s", round, diff)
				}
			}
		})
	}
}

func TestAPageThatBreaksOffGivesNoSample(t *testing.T) {
	whole := "kubevirt_vmi_vcpu_seconds_total{namespace=\"n\",name=\"a\",id=\"0\"} 1\n"
	response, err := Decode(io.MultiReader(strings.NewReader(whole), iotest.ErrReader(io.ErrUnexpectedEOF)))
	if err == nil || len(response.Samples) != 0 {
		t.Errorf("got %d samples and the error %v; want none and an error", len(response.Samples), err)
	}
}

func BenchmarkDecode(b *testing.B) {
	text, err := os.ReadFile("testdata/virt-handler-v1.8-ten-scripted.txt")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(bytes.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}

// However lines are ordered, and whatever labels are beside them, matching
// them by their ends gives what reading label by label gives.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"virt-handler-v1.8-one-real-guest.txt", "virt-handler-v1.8-ten-scripted.txt"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("kubevirt_vmi_vcpu_seconds_total{id=\"0\",name=\"a\",namespace=\"n\"} 1\nkubevirt_vmi_vcpu_seconds_total{id=\"0\",xname=\"a\",namespace=\"n\"} 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, errGot := Decode(strings.NewReader(text))
		slow := newDecoder()
		slow.line.careful = true
		want, errWant := slow.decode(strings.NewReader(text))
		if (errGot == nil) != (errWant == nil) {
			t.Fatalf("errors %v and %v", errGot, errWant)
		}
		if diff := cmp.Diff(render(want), render(got)); diff != "" && want.Malformed == 0 {
			t.Errorf("-careful +fast:\n%s", diff)
		}
	})
}
