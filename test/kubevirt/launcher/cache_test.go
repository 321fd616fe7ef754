package launcher

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"kubevirt.io/kubevirt/tools/cache"
)

var update = flag.Bool("update", false, "write what KubeVirt's cache answers")

// TestTheCacheIsTheOneOfTheModel asks KubeVirt's cache of statistics at random
// times, in virtual time, and compares when the values are of with the file that
// the model in test/accuracy is tested with.
func TestTheCacheIsTheOneOfTheModel(t *testing.T) {
	const path = "../../accuracy/testdata/kubevirt-cache.txt"
	var got strings.Builder
	for _, renewal := range []time.Duration{2 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) { askCache(t, &got, renewal) })
	}
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("KubeVirt's cache answers otherwise than it did; if that is right, run this test with -update and mend the model. -want +got:\n%s", diff)
	}
}

func askCache(t *testing.T, out *strings.Builder, renewal time.Duration) {
	fmt.Fprintln(out, "renewal", renewal)
	random := rand.New(rand.NewPCG(1, uint64(renewal)))
	began := time.Now()
	cached, err := cache.NewTimeDefinedCache(StatsCacheAge, true, func() (time.Duration, error) {
		time.Sleep(renewal / 2)
		read := time.Since(began)
		time.Sleep(renewal / 2)
		return read, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	if err := cached.KeepValueUpdated(stop); err != nil {
		t.Fatal(err)
	}
	for round := range 60 {
		// A bubble's clock stands still while someone waits for the cache's lock, so
		// ask when its loop does not renew.
		at := time.Duration(round)*StatsCacheAge*3/2 + time.Duration(random.Int64N(int64(StatsCacheAge)))
		if into := at % StatsCacheAge; into < 100*time.Millisecond || into > StatsCacheAge-100*time.Millisecond {
			continue
		}
		if wait := at - time.Since(began); wait > 0 {
			time.Sleep(wait)
			read, err := cached.Get()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(out, "asked", at, "read", read)
		}
	}
	close(stop)
	synctest.Wait()
}
