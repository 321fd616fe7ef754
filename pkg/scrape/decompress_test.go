package scrape

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// zipRandom returns a response of the size that cannot be compressed.
func zipRandom(t *testing.T, size int) []byte {
	t.Helper()
	text := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(text)
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.NoCompression)
	if _, err := w.Write(text); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// However long large responses take to decode, whether large as they come or
// when they are decompressed, the response of another node does not wait.
func TestLargeResponsesDelayNoOthers(t *testing.T) {
	ca := newAuthority(t, "kubevirt.io")
	for _, test := range []struct {
		name string
		body []byte
		size int64
	}{
		{"compressed", zipRandom(t, 3<<20), 3 << 20},
		{"decompressed", zip(t, strings.Repeat("x", maxDecompressed+1)), maxDecompressed + 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, ca.issue(t, virtHandler), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				body := test.body
				if r.URL.Path == "/other" {
					body = zip(t, "response")
				}
				_, _ = w.Write(body)
			}))
			c := scraper(trusting(ca.pem))
			c.config.MaxBytes = 1 << 30
			begun, goOn := make(chan struct{}), make(chan struct{})
			ended := make(chan error, largeSlots)
			var read atomic.Int64
			for range largeSlots {
				go func() {
					ended <- c.fetch(t.Context(), s.URL, func(_ context.Context, _ time.Time, r io.Reader) error {
						begun <- struct{}{}
						<-goOn
						n, err := io.Copy(io.Discard, r)
						read.Add(n)
						return err
					})
				}()
			}
			for range largeSlots {
				<-begun
			}
			if diff := cmp.Diff("ok", outcome(c.fetch(t.Context(), s.URL+"/other", readAll))); diff != "" {
				t.Errorf("the other node's, -want +got:\n%s", diff)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // As at the timeout.
			late := &loop{settings: &Settings{Timeout: timeout}, decompression: c.decompression}
			err := late.decompress(ctx, bytes.NewReader(test.body), func(io.Reader) error {
				t.Error("one large response more is decoded")
				return nil
			})
			want := "crowded: no slot to decompress it within 13s: 2 others are decompressed at a time"
			if diff := cmp.Diff(want, outcome(err)); diff != "" {
				t.Errorf("one large response more, -want +got:\n%s", diff)
			}
			close(goOn)
			for range largeSlots {
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
			if got := read.Load(); got != largeSlots*test.size {
				t.Errorf("%d bytes were read, want %d responses of %d", got, largeSlots, test.size)
			}
		})
	}
}
