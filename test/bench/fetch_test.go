package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
	"time"

	"guest-metrics-server/pkg/domainstats"
	"guest-metrics-server/pkg/scrape"
)

// BenchmarkFetch fetches a response over TLS: our way, with decoding, against only
// downloading and decompressing it. The server's part is in both.
func BenchmarkFetch(b *testing.B) {
	text := newText(b)
	var compressed bytes.Buffer
	compressor := gzip.NewWriter(&compressed)
	_, _ = compressor.Write(text)
	_ = compressor.Close()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(compressed.Bytes())
	}))
	defer server.Close()
	b.Run("download-and-decompress", func(b *testing.B) {
		client := plainClient(server)
		var decompressor gzip.Reader
		perResponse(b, len(text), func() {
			if err := download(client, server.URL, &decompressor); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("guest-metrics-server", func(b *testing.B) {
		responses := make(chan error)
		stop := scrapeAll(b.Context(), server, responses)
		perResponse(b, len(text), func() {
			if err := <-responses; err != nil {
				b.Fatal(err)
			}
		})
		stop()
	})
}

// perResponse reports the CPU time of a response as well: the time between two of ours
// is not work alone, and the machine may be busy with other things.
func perResponse(b *testing.B, textBytes int, next func()) {
	b.SetBytes(int64(textBytes))
	b.ReportAllocs()
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		next()
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(used)/float64(b.N), "cpu-ns/response")
}

// scrapeAll scrapes as the server does, but all the time.
func scrapeAll(ctx context.Context, server *httptest.Server, responses chan<- error) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	client := scrape.NewClient(scrape.ClientConfig{
		Trust: func() scrape.Trust {
			return scrape.Trust{CABundle: authority, ServerName: "example.com"} // As httptest's certificate says.
		},
		Idle: time.Minute,
	})
	target := scrape.Target{Name: "n1", URL: server.URL}
	scraper := scrape.New(scrape.Config[scrape.Target]{
		Settings: scrape.Settings{
			Interval: time.Millisecond,
			Timeout:  time.Minute,
			MaxBytes: 128 << 20,
			Gzip:     true,
		},
		Target: func(t scrape.Target) scrape.Target { return t },
		Client: func(scrape.Target) *http.Client { return client },
		Decoder: func(scrape.Target) scrape.DecodeFunc {
			return func(ctx context.Context, _ time.Time, response io.Reader) error {
				_, err := domainstats.Decode(response)
				select {
				case responses <- err:
				case <-ctx.Done():
				}
				return err
			}
		},
	})
	var running sync.WaitGroup
	running.Go(func() { scraper.Run(ctx, func() []scrape.Target { return []scrape.Target{target} }, nil) })
	return func() {
		cancel()
		running.Wait()
	}
}

func plainClient(server *httptest.Server) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:    &tls.Config{RootCAs: roots},
		DisableCompression: true,
	}}
}

func download(client *http.Client, url string, decompressor *gzip.Reader) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := decompressor.Reset(response.Body); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, decompressor)
	return err
}
