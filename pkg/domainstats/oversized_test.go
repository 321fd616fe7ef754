package domainstats

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"guest-metrics-server/pkg/exposition"
)

// What a guest names its mount points cannot be mistaken for labels.
func TestLabelsWithinAValueAreNone(t *testing.T) {
	const line = `kubevirt_vmi_filesystem_used_bytes{disk_name="%s",mount_point="%s",name="%s",namespace="n",node="n1"} %d` + "\n"
	hostile := []string{
		`x`, `x,mount_point=`, `,mount_point=`, `x\",mount_point=`, `x\\`, `x\",mount_point=\"/y\",name=\"b\",namespace=\"n\",node=\"n1\"} 7`, `,name=`, `=`,
	}
	var response strings.Builder
	want := ""
	for i, value := range hostile {
		vmi := string(rune('a' + i))
		fmt.Fprintf(&response, line, "plain", "/", vmi, 1)
		fmt.Fprintf(&response, line, value, "/data", vmi, 2)
		fmt.Fprintf(&response, line, "plain", value, vmi, 3)
		unescaped := strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(value)
		want += fmt.Sprintf("n/%s\n  filesystem_used_bytes[/ plain] 1\n  filesystem_used_bytes[/data %s] 2\n  filesystem_used_bytes[%[2]s plain] 3\n", vmi, unescaped)
	}
	decoded, err := Decode(strings.NewReader(response.String()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, render(decoded)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// labelled returns a line of a VMI as virt-handler writes it, with as many short
// labels.
func labelled(series, namespace, name string, labels int, own string, value float64) string {
	var line strings.Builder
	fmt.Fprintf(&line, "%s{%s", series, own)
	for i := range labels {
		fmt.Fprintf(&line, `kubernetes_vmi_label_%05d="v",`, i)
	}
	fmt.Fprintf(&line, "name=%q,namespace=%q,node=\"n1\"} %g\n", name, namespace, value)
	return line.String()
}

func TestWhatIsTooLargeCostsItsVMIAlone(t *testing.T) {
	const (
		seconds = "kubevirt_vmi_vcpu_seconds_total"
		used    = "kubevirt_vmi_filesystem_used_bytes"
		memory  = "kubevirt_vmi_memory_usable_bytes"
		labels  = 10_000 // A line of 310 kB.
	)
	mountPoints := func(name string, n, length int) string {
		var response strings.Builder
		for i := range n {
			response.WriteString(labelled(used, "n", name, 0, fmt.Sprintf("mount_point=\"/%0*d\",", length-1, i), 5))
		}
		return response.String()
	}
	neighbour := labelled(seconds, "n", "b", 3, `id="0",`, 1)
	for _, test := range []struct{ name, response, want string }{
		{
			"a VMI with too many labels",
			labelled(seconds, "n", "a", labels, `id="0",`, 7) + neighbour + labelled(seconds, "n", "a", labels+1, `id="1",`, 7),
			"n/b\n  vcpu_seconds_total[0] 1\n" +
				"n/a oversized, 2 lines: virt-handler's response has a line of 310106 bytes of this VMI, more than the 262144 that are read: remove labels from the VirtualMachineInstance\n",
		},
		{
			"one vCPU of two, whose line is a little longer",
			labelled(seconds, "n", "a", 0, `id="0",`, 7) + labelled(seconds, "n", "a", labels, `id="1",`, 7) + labelled(seconds, "n", "a", 0, `id="2",`, 7) +
				neighbour + labelled(memory, "n", "a", 0, "", 9),
			"n/a\n  memory_usable_bytes[] 9\nn/b\n  vcpu_seconds_total[0] 1\n" +
				"n/a oversized, 1 lines: virt-handler's response has a line of 310075 bytes of this VMI, more than the 262144 that are read: remove labels from the VirtualMachineInstance\n",
		},
		{
			"the same name in another namespace",
			labelled(seconds, "m", "a", labels, `id="0",`, 7) + labelled(seconds, "n", "a", 0, `id="0",`, 1),
			"n/a\n  vcpu_seconds_total[0] 1\n" +
				"m/a oversized, 1 lines: virt-handler's response has a line of 310075 bytes of this VMI, more than the 262144 that are read: remove labels from the VirtualMachineInstance\n",
		},
		{
			"of an unwanted family",
			"# TYPE x gauge\n" + labelled("kubevirt_vmi_info", "n", "a", labels, "", 1) + labelled("kubevirt_vmi_info", "n", "b", labels, "", 1) + "# TYPE y gauge\n" + neighbour,
			"n/b\n  vcpu_seconds_total[0] 1\n",
		},
		{
			"of no VMI",
			strings.ReplaceAll(labelled(seconds, "n", "a", labels, "", 1), ",name=", ",other=") + neighbour,
			"n/b\n  vcpu_seconds_total[0] 1\n" +
				"malformed 1: a line of 310069 bytes of the series kubevirt_vmi_vcpu_seconds_total lacks the label namespace or name at its end\n",
		},
		{
			"without a name",
			strings.Repeat("x", exposition.MaxLineBytes+1) + "\n" + neighbour,
			"n/b\n  vcpu_seconds_total[0] 1\nmalformed 1: the name of a series has more than 262144 bytes\n",
		},
		{
			"a mount point that is too long",
			mountPoints("a", 1, 300_000) + labelled(memory, "n", "a", 0, "", 9) + neighbour,
			"n/a\n  memory_usable_bytes[] 9\nn/b\n  vcpu_seconds_total[0] 1\n" +
				"n/a oversized, 1 lines: virt-handler's response has a line of 300086 bytes of this VMI, more than the 262144 that are read: remove labels from the VirtualMachineInstance, or let the guest have shorter mount points\n",
		},
		{
			"too many mount points",
			mountPoints("a", 1025, 10) + mountPoints("b", 1, 2) + labelled(memory, "n", "a", 0, "", 9),
			"n/a\n  memory_usable_bytes[] 9\nn/b\n  filesystem_used_bytes[/0] 5\n" +
				"n/a oversized, 0 lines: virt-handler's response has more than 1024 kubevirt_vmi_filesystem_used_bytes series of this VMI: let it have fewer of what the label mount_point names\n",
		},
		{
			"mount points that are too long together",
			mountPoints("a", 17, 4000) + mountPoints("b", 1, 2) + labelled(memory, "n", "a", 0, "", 9),
			"n/a\n  memory_usable_bytes[] 9\nn/b\n  filesystem_used_bytes[/0] 5\n" +
				"n/a oversized, 0 lines: virt-handler's response has kubevirt_vmi_filesystem_used_bytes series of this VMI with more than 65536 bytes of the label mount_point: let it have fewer or shorter ones\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			response, err := Decode(strings.NewReader(test.response))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, render(response)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// As many as are allowed are read, whichever of them stands there twice.
func TestManySeriesOfAVMI(t *testing.T) {
	var response strings.Builder
	for i := range maxSeries {
		response.WriteString(labelled("kubevirt_vmi_network_receive_bytes_total", "n", "a", 0, fmt.Sprintf("interface=\"%d\",", i), 1))
	}
	for _, twice := range []int{0, firstSeries - 1, firstSeries, maxSeries - 1} {
		response.WriteString(labelled("kubevirt_vmi_network_receive_bytes_total", "n", "a", 0, fmt.Sprintf("interface=\"%d\",", twice), 1))
	}
	decoded, err := Decode(strings.NewReader(response.String()))
	if err != nil || len(decoded.Samples) != 1 || len(decoded.Oversized) != 0 {
		t.Fatalf("got %d samples, oversized %v and the error %v; want one sample", len(decoded.Samples), decoded.Oversized, err)
	}
	var unknown []int
	for i, v := range decoded.Samples[0].Values {
		if v != 1 {
			unknown = append(unknown, i)
		}
	}
	if diff := cmp.Diff([]int{0, firstSeries - 1, firstSeries, maxSeries - 1}, unknown); diff != "" || len(decoded.Samples[0].Values) != maxSeries {
		t.Errorf("of %d values, unknown -want +got:\n%s", len(decoded.Samples[0].Values), diff)
	}
}

// hostileTexts are values that look like the end of a line or like labels.
var hostileTexts = []string{
	`x`, ``, `,name=`, `",name="b`, `,name="b",namespace="m",node="n1"} 1`, `name="b",namespace="m"`, `\`, `x\`, `\"`, `\\",name="b`, `"`, `="`, `=`, `,`, `{`, `}`, `"} 7`,
	"\n", "x\nkubevirt_vmi_vcpu_seconds_total{name=\"b\",namespace=\"m\"} 1", "\xff",
}

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// Whatever a guest or a tenant writes into a value, a long line is skipped for
// the VMI that it is of, or for nobody.
func TestALongLineIsOfItsVMIOnly(t *testing.T) {
	for _, before := range hostileTexts[:5] {
		for _, after := range hostileTexts {
			for _, cut := range []int{0, 1, lineEnd - 40} {
				value := escaper.Replace(before + strings.Repeat("x", exposition.MaxLineBytes+cut) + after)
				line := `kubevirt_vmi_vcpu_seconds_total{mount_point="` + value + `",name="a",namespace="n",node="` + escaper.Replace(after) + `"} 1` + "\n"
				response, err := Decode(strings.NewReader(line))
				if err != nil {
					t.Fatal(err)
				}
				if len(response.Samples) != 0 || len(response.Oversized) != 1 || response.Oversized[0].Namespace+"/"+response.Oversized[0].Name != "n/a" {
					t.Errorf("%q and %q: got samples %v, oversized %v and the problem %v", before, after, response.Samples, response.Oversized, response.Problem)
				}
			}
		}
	}
}

const lineEnd = 4096 // Bytes of a long line that exposition keeps.

// Where the cut falls in the midst of such values, nothing is taken for a label.
func TestNoLabelsAreFoundInTheRestOfAValue(t *testing.T) {
	for _, text := range hostileTexts {
		whole := `kubevirt_vmi_vcpu_seconds_total{mount_point="` + escaper.Replace(text) + `",name="a",namespace="n",node="n1"} 1`
		for cut := range len(whole) {
			namespace, name := lastLabels([]byte(whole[cut:]))
			if len(name) > 0 && string(name) != "a" || len(namespace) > 0 && string(namespace) != "n" {
				t.Errorf("%q: got %s/%s", whole[cut:], namespace, name)
			}
		}
	}
}

func FuzzLastLabels(f *testing.F) {
	for _, text := range hostileTexts {
		f.Add(text, text, 20)
	}
	f.Fuzz(func(t *testing.T, first, second string, cut int) {
		whole := `x{l="` + escaper.Replace(first) + `",mount_point="` + escaper.Replace(second) + `",name="a",namespace="n",node="n1"} 1`
		namespace, name := lastLabels([]byte(whole[min(max(cut, 0), len(whole)):]))
		if len(name) > 0 && string(name) != "a" || len(namespace) > 0 && string(namespace) != "n" {
			t.Errorf("%q cut at %d: got %s/%s", whole, cut, namespace, name)
		}
	})
}

// BenchmarkHostile decodes what one tenant can have virt-handler answer; 100
// series of a VMI, of which 20 are wanted, as it is.
func BenchmarkHostile(b *testing.B) {
	families := func(vmis, labels int, label func(vmi, i int) string) []byte {
		var response bytes.Buffer
		for f := range 20 {
			family := "kubevirt_vmi_unwanted_total"
			if f%5 == 0 {
				family = "kubevirt_vmi_vcpu_seconds_total"
			}
			fmt.Fprintf(&response, "# TYPE %s counter\n", family)
			for s := range 5 {
				for v := range vmis {
					fmt.Fprintf(&response, "%s{id=\"%d\"", family, s)
					for l := range labels {
						response.WriteString(label(v, l))
					}
					fmt.Fprintf(&response, ",name=\"vm%d\",namespace=\"n\",node=\"n1\",state=\"running\"} 1\n", v)
				}
			}
		}
		return response.Bytes()
	}
	short := func(_, i int) string { return fmt.Sprintf(`,kubernetes_vmi_label_%05d="v"`, i) }
	random := func(v, i int) string {
		r := rand.New(rand.NewPCG(uint64(v), uint64(i)))
		return fmt.Sprintf(`,kubernetes_vmi_label_%05d="%016x%016x%016x"`, i, r.Uint64(), r.Uint64(), r.Uint64())
	}
	series := func(family, label string, n, labels int) []byte {
		var response bytes.Buffer
		for i := range n {
			response.WriteString(labelled(family, "n", "a", labels, fmt.Sprintf("%s=\"/%07d\",", label, i), 1))
		}
		return response.Bytes()
	}
	for _, way := range []struct {
		name     string
		response []byte
	}{
		{"10000-labels", families(1, 10_000, short)},
		{"8-VMIs-7800-labels", families(8, 7800, short)},
		{"8-VMIs-random-labels", families(8, 3000, random)},
		{"40000-mount-points-10kB", series("kubevirt_vmi_filesystem_used_bytes", "mount_point", 40_000, 320)},
		{"100000-mount-points", series("kubevirt_vmi_filesystem_used_bytes", "mount_point", 100_000, 1)},
		{"4000-interfaces", series("kubevirt_vmi_network_receive_bytes_total", "interface", 4000, 1)},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.SetBytes(int64(len(way.response)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(bytes.NewReader(way.response)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(way.name+"/gzip", func(b *testing.B) {
			var compressed bytes.Buffer
			w, _ := gzip.NewWriterLevel(&compressed, gzip.DefaultCompression)
			if _, err := w.Write(way.response); err != nil || w.Close() != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(way.response)))
			var r gzip.Reader
			for b.Loop() {
				if err := r.Reset(bytes.NewReader(compressed.Bytes())); err != nil {
					b.Fatal(err)
				}
				if _, err := Decode(&r); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(compressed.Len()), "compressed-bytes")
		})
	}
}
