package scrape

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// A response with more than this is large. Those of thousands of ordinary VMIs are
// not: somebody gave them many labels, or filesystems.
const (
	maxCompressed   = 2 << 20  // Read before it is decompressed.
	maxDecompressed = 32 << 20 // A tenth of a second's work.
)

// largeSlots is how many large responses are decompressed and decoded at a time.
// Each takes little memory. It is more than one, as each comes at the pace of its
// node, and those that wait for a slow one would be late themselves; it is few, as
// what cannot be compressed well takes seconds of a core.
const largeSlots = 2

// decompression bounds how many responses are decompressed and decoded at a time.
type decompression struct {
	ordinary chan struct{}
	large    chan struct{} // Of their own, so that no other node's response waits for a large one.
}

func newDecompression() decompression {
	return decompression{
		// One core less than there are, so that answers do not wait for responses.
		ordinary: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1)),
		large:    make(chan struct{}, largeSlots),
	}
}

// decompressor is what a compressed response is decompressed with.
type decompressor struct {
	compressed bytes.Reader
	gzip       gzip.Reader
}

var (
	compressedResponses = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	decompressors       = sync.Pool{New: func() any { return new(decompressor) }}
)

// decompress reads a compressed response and has it decoded. One that is not
// large comes whole first: gzip is faster on what is in memory, and nobody holds
// the large buffers of decoding while they wait for the network. A large one is
// decoded as it comes, so that it takes no more memory than others.
func (l *loop) decompress(ctx context.Context, body io.Reader, decode func(io.Reader) error) error {
	buffer := compressedResponses.Get().(*bytes.Buffer)
	defer compressedResponses.Put(buffer)
	buffer.Reset()
	if _, err := buffer.ReadFrom(io.LimitReader(body, maxCompressed)); err != nil {
		return err
	}
	whole := buffer.Len() < maxCompressed
	slots := l.decompression.ordinary
	if !whole || decompressedBytes(buffer.Bytes()) > maxDecompressed {
		slots = l.decompression.large
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return &Error{Crowded, fmt.Errorf("no slot to decompress it within %s: %d others are decompressed at a time", l.settings.Timeout, cap(slots))}
	}
	d := decompressors.Get().(*decompressor)
	defer decompressors.Put(d)
	d.compressed.Reset(buffer.Bytes())
	var compressed io.Reader = &d.compressed
	if !whole {
		compressed = io.MultiReader(compressed, body)
	}
	if err := d.gzip.Reset(compressed); err != nil {
		return fmt.Errorf("the response is not gzip as its header says: %w", err)
	}
	return decode(&d.gzip)
}

// decompressedBytes returns what the end of a gzip file says of its size.
func decompressedBytes(compressed []byte) uint32 {
	if len(compressed) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(compressed[len(compressed)-4:])
}
