package scrape

import (
	"fmt"
	"testing"
	"time"
)

// due returns a target's slot in the interval.
func due(target, replica string) time.Duration {
	return phase(target, replica, time.Unix(0, 0), interval)
}

func TestPhasesAreSpreadEvenly(t *testing.T) {
	const nodes = 1500
	for _, format := range []string{"node-%d", "ip-10-0-%d.eu-west-1.compute.internal", "%d"} {
		var perSecond [15]int
		for i := range nodes {
			perSecond[due(fmt.Sprintf(format, i), "guest-metrics-server-6d5f8b7c9d-wzpsk")/time.Second]++
		}
		for second, n := range perSecond {
			if n < 60 || n > 140 {
				t.Errorf("of %d nodes named %s, %d are scraped in second %d, want about 100", nodes, format, n, second)
			}
		}
	}
}

func TestReplicasMeetNoMoreOftenThanByChance(t *testing.T) {
	const nodes = 1000
	for _, replicas := range [][2]string{
		{"guest-metrics-server-6d5f8b7c9d-wzpsk", "guest-metrics-server-6d5f8b7c9d-nd6br"},
		{"guest-metrics-server-6d5f8b7c9d-wzpsb", "guest-metrics-server-6d5f8b7c9d-wzpsl"},
		{"abcd4", "abcdz"},
		{"a", "k"},
	} {
		meetings := 0
		for i := range nodes {
			apart := (due(fmt.Sprintf("node-%d", i), replicas[0]) - due(fmt.Sprintf("node-%d", i), replicas[1])).Abs()
			if min(apart, interval-apart) < time.Second {
				meetings++
			}
		}
		if byChance := nodes * 2 / 15; meetings < byChance/2 || meetings > byChance*3/2 {
			t.Errorf("replicas %v are less than a second apart at %d of %d nodes, by chance they are at %d", replicas, meetings, nodes, byChance)
		}
	}
}

func TestTheNextScrapeIsWithinAnInterval(t *testing.T) {
	start := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	want := time.Duration(start.Add(phase("n1", "r", start, interval)).UnixNano() % int64(interval))
	for after := time.Duration(0); after < 2*interval; after += 100 * time.Millisecond {
		now := start.Add(after)
		left := phase("n1", "r", now, interval)
		if left < 0 || left >= interval+1 {
			t.Errorf("at %s the next scrape is due after %s", now, left)
		}
		if got := time.Duration(now.Add(left).UnixNano() % int64(interval)); got != want {
			t.Errorf("at %s the phase is %s, want %s", now, got, want)
		}
	}
}
