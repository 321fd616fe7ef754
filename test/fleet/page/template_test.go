package page

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guest-metrics-server/pkg/domainstats"
	"guest-metrics-server/test/fleet/world"
)

const pages = "../../../pkg/provider/testdata/pages/v1.9/"

func newTestTemplate(tb testing.TB) *Template {
	tb.Helper()
	first, err := os.ReadFile(pages + "first.txt")
	if err != nil {
		tb.Fatal(err)
	}
	second, err := os.ReadFile(pages + "second.txt")
	if err != nil {
		tb.Fatal(err)
	}
	template, err := NewTemplate(world.Fleet{VMIs: 10_000, PerNode: 50}, first, second, "web-0")
	if err != nil {
		tb.Fatal(err)
	}
	return template
}

func gunzip(tb testing.TB, page []byte) []byte {
	tb.Helper()
	r, err := gzip.NewReader(bytes.NewReader(page))
	if err != nil {
		tb.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func TestPagesUnpackToTheirText(t *testing.T) {
	template := newTestTemplate(t)
	for _, node := range []int{0, 1, 199} {
		for _, seconds := range []float64{0, 15, 4000.25} {
			n := template.Node(node)
			want := n.Text(seconds)
			if got := gunzip(t, n.AppendGzip(nil, seconds)); !bytes.Equal(got, want) {
				t.Errorf("node %d at %v s: unpacked page and text differ", node, seconds)
			}
		}
	}
}

// The server's work depends on how well a page is compressed, and how.
func TestPagesAreCompressedAsTheExporterDoes(t *testing.T) {
	template := newTestTemplate(t)
	page := template.Node(7).AppendGzip(nil, 15)
	genuine := compress(t, template.Node(7).Text(15))
	t.Logf("%d bytes of text per VMI; %d bytes of gzip, 1/%.1f; by compress/gzip %d, 1/%.1f",
		template.TextBytes()/50, len(page), float64(template.TextBytes())/float64(len(page)),
		len(genuine), float64(template.TextBytes())/float64(len(genuine)))
	if ratio := float64(len(page)) / float64(len(genuine)); ratio < 0.8 || ratio > 1.25 {
		t.Errorf("the page is %.2f times as large as compress/gzip makes it", ratio)
	}
}

func TestCountersGrowByTheirRate(t *testing.T) {
	template := newTestTemplate(t)
	before, after := decode(t, template.Node(3).Text(100)), decode(t, template.Node(3).Text(115))
	want := template.fleet.On(3, 20)
	if diff := cmp.Diff(want.Name(), after.Samples[20].Name); diff != "" {
		t.Errorf("name on the page (-want +got):\n%s", diff)
	}
	busy := 0.0
	for i, s := range after.Samples[20].Layout.Series {
		if s.Family.String() == "kubevirt_vmi_vcpu_seconds_total" {
			busy += after.Samples[20].Values[i] - before.Samples[20].Values[i]
		}
	}
	if got := busy / 15 / 2 * 100; got < want.Utilization()-0.2 || got > want.Utilization()+0.2 {
		t.Errorf("the vCPUs are %v %% busy, want %v %%", got, want.Utilization())
	}
}

func decode(t *testing.T, text []byte) domainstats.Page {
	t.Helper()
	page, err := domainstats.Decode(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Samples) != 50 || page.Malformed > 0 {
		t.Fatalf("the page has %d VMIs and %d malformed lines, want 50 and 0", len(page.Samples), page.Malformed)
	}
	return page
}

func compress(tb testing.TB, text []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func BenchmarkAppendGzip(b *testing.B) {
	n := newTestTemplate(b).Node(3)
	b.SetBytes(int64(n.TextBytes()))
	b.ReportAllocs()
	var page []byte
	for b.Loop() {
		page = n.AppendGzip(page[:0], 15)
	}
}

// BenchmarkUnpack compares the time to unpack a page with that of a real one.
func BenchmarkUnpack(b *testing.B) {
	n := newTestTemplate(b).Node(3)
	for name, page := range map[string][]byte{"simulated": n.AppendGzip(nil, 15), "compress-gzip": compress(b, n.Text(15))} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(n.TextBytes()))
			var r gzip.Reader
			for b.Loop() {
				if err := r.Reset(bytes.NewReader(page)); err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, &r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
