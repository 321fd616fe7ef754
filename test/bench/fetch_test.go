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

// BenchmarkFetch fetches a page over TLS: our way, with decoding, against only
// downloading and unpacking it. The server's part is in both.
func BenchmarkFetch(b *testing.B) {
	text := newText(b)
	var packed bytes.Buffer
	packer := gzip.NewWriter(&packed)
	_, _ = packer.Write(text)
	_ = packer.Close()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}))
	defer server.Close()
	b.Run("download-and-unpack", func(b *testing.B) {
		client := plainClient(server)
		var unpacker gzip.Reader
		perPage(b, len(text), func() {
			if err := download(client, server.URL, &unpacker); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("guest-metrics-server", func(b *testing.B) {
		pages := make(chan error)
		stop := scrapeAll(b.Context(), server, pages)
		perPage(b, len(text), func() {
			if err := <-pages; err != nil {
				b.Fatal(err)
			}
		})
		stop()
	})
}

// perPage reports the CPU time of a page as well: the time between two of ours
// is not work alone, and the machine may be busy with other things.
func perPage(b *testing.B, textBytes int, next func()) {
	b.SetBytes(int64(textBytes))
	b.ReportAllocs()
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		next()
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(used)/float64(b.N), "cpu-ns/page")
}

// scrapeAll scrapes as the server does, but all the time.
func scrapeAll(ctx context.Context, server *httptest.Server, pages chan<- error) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	client := scrape.NewClient(scrape.ClientConfig{
		Trust: func() scrape.Trust {
			return scrape.Trust{CABundle: authority, ServerName: "example.com"} // As httptest's certificate says.
		},
		Idle: time.Minute,
	})
	pool := scrape.NewPool(scrape.Config{
		Interval: time.Millisecond,
		Timeout:  time.Minute,
		MaxBytes: 128 << 20,
		Gzip:     true,
		Client:   func(scrape.Target) *http.Client { return client },
		Pages: func(scrape.Target) scrape.PageFunc {

			return func(ctx context.Context, _ time.Time, page io.Reader) error {
				_, err := domainstats.Decode(page)
				select {
				case pages <- err:
				case <-ctx.Done():
				}
				return err
			}
		},
	})
	targets := func() []scrape.Target { return []scrape.Target{{Name: "n1", URL: server.URL}} }
	var running sync.WaitGroup
	running.Go(func() { pool.Run(ctx, targets, nil) })
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

func download(client *http.Client, url string, unpacker *gzip.Reader) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := unpacker.Reset(response.Body); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, unpacker)
	return err
}
