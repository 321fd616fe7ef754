package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

	"guest-metrics-server/pkg/domainstats"
	"guest-metrics-server/test/fleet/exposition"
	"guest-metrics-server/test/fleet/world"
)

// newText returns what a node with 50 VMIs exposes.
func newText(tb testing.TB) []byte {
	tb.Helper()
	const dir = "../../pkg/domainstats/testdata/versions/v1.9/"
	first, err1 := os.ReadFile(dir + "first.txt")
	second, err2 := os.ReadFile(dir + "second.txt")
	if err := errors.Join(err1, err2); err != nil {
		tb.Fatal(err)
	}
	template, err := exposition.NewTemplate(world.Fleet{VMIs: 1000, PerNode: 50}, first, second, "web-0")
	if err != nil {
		tb.Fatal(err)
	}
	return template.Node(3).AppendText(nil, 15)
}

// BenchmarkDecode decodes the text of one response.
func BenchmarkDecode(b *testing.B) {
	text := newText(b)

	ways := []struct {
		name   string
		decode func([]byte) error
	}{
		{"guest-metrics-server", func(text []byte) error {
			_, err := domainstats.Decode(bytes.NewReader(text))
			return err
		}},
		{"textparse-all-series", textparseLabels},
		{"textparse-series-only", textparseSeries},
		{"expfmt", func(text []byte) error {
			parser := expfmt.NewTextParser(model.LegacyValidation)
			_, err := parser.TextToMetricFamilies(bytes.NewReader(text))
			return err
		}},
	}
	for _, way := range ways {
		b.Run(way.name, func(b *testing.B) {
			perResponse(b, len(text), func() {
				if err := way.decode(text); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// textparseLabels reads each series with its labels, as Prometheus does of a
// series that it has not seen.
func textparseLabels(text []byte) error {
	return eachSeries(text, func(parser textparse.Parser) {
		var l labels.Labels
		parser.Labels(&l)
	})
}

// textparseSeries looks at the bytes of each series and its timestamp, as
// metrics-server does: it compares names and cuts labels out by hand.
func textparseSeries(text []byte) error {
	return eachSeries(text, func(parser textparse.Parser) { parser.Series() })
}

func eachSeries(text []byte, f func(textparse.Parser)) error {
	parser := textparse.NewPromParser(text, labels.NewSymbolTable(), false)
	for {
		entry, err := parser.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case entry == textparse.EntrySeries:
			f(parser)
		}
	}
}
