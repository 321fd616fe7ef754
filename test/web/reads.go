package web

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// readsFile is where each server logs when its status page is read: a line with
// the seconds since 1970 and their fraction for each read.
const readsFile = "reads.log"

// Reads returns when the status page of the server in dir was read, in the order
// of the answers. A read may be missing for a moment after its answer.
func Reads(dir string) ([]time.Time, error) {
	text, err := os.ReadFile(filepath.Join(dir, readsFile))
	if err != nil {
		return nil, fmt.Errorf("find out when a status page was read: %w", err)
	}
	var reads []time.Time
	for line := range strings.Lines(string(text)) {
		whole, isWhole := strings.CutSuffix(line, "\n")
		if !isWhole {
			break // It is being written.
		}
		seconds, err := strconv.ParseFloat(whole, 64)
		if err != nil {
			return nil, fmt.Errorf("find out when a status page was read: %w", err)
		}
		reads = append(reads, time.UnixMicro(int64(1e6*seconds)))
	}
	return reads, nil
}
