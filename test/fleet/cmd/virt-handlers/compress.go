package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"guest-metrics-server/test/fleet/exposition"
)

// compressor compresses as promhttp does: with the standard library at its
// default level. It is not the fastest, but what the server's work to decompress
// depends on.
type compressor struct {
	text   []byte
	output bytes.Buffer
	gzip   *gzip.Writer
}

func newCompressor() *compressor { return &compressor{gzip: gzip.NewWriter(nil)} }

// compress returns what a node exposes at a time after the start. It is valid
// until the next call.
func (c *compressor) compress(n *exposition.Node, seconds float64) []byte {
	c.text = n.AppendText(c.text[:0], seconds)
	c.output.Reset()
	c.gzip.Reset(&c.output)
	_, _ = c.gzip.Write(c.text)
	_ = c.gzip.Close()
	return c.output.Bytes()
}

// compressAhead compresses the responses of all nodes in their first rounds.
func (f *fleet) compressAhead(ctx context.Context, rounds int) {
	var workers sync.WaitGroup
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			c := newCompressor()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(f.nodes) {
					return
				}
				n := f.template.Node(i)
				for round := range rounds {
					f.nodes[i].compressed = append(f.nodes[i].compressed, bytes.Clone(c.compress(n, f.seconds(round))))
				}
			}
		})
	}
	workers.Wait()
}
