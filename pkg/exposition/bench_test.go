package exposition

import (
	"bytes"
	"fmt"
	"testing"
)

// BenchmarkScanner reads 60 families of 20 VMIs with 600 bytes of labels each, of
// which every third is wanted.
func BenchmarkScanner(b *testing.B) {
	var text bytes.Buffer
	for family := range 60 {
		fmt.Fprintf(&text, "# HELP family_%02d help\n# TYPE family_%02d counter\n", family, family)
		for vmi := range 20 {
			fmt.Fprintf(&text, "family_%02d{", family)
			for label := range 12 {
				fmt.Fprintf(&text, "kubernetes_vmi_label_%02d=\"a value of some length\",", label)
			}
			fmt.Fprintf(&text, "name=\"vmi-%d\",namespace=\"default\",node=\"n1\"} %d.5\n", vmi, 1000*vmi)
		}
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	var s Scanner
	for b.Loop() {
		s.Reset(bytes.NewReader(text.Bytes()))
		for s.Scan() {
			if name := s.Name(); name[len(name)-1]%3 != 0 {
				s.SkipFamily()
				continue
			}
			if _, err := s.Value(); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Err(); err != nil {
			b.Fatal(err)
		}
	}
}
