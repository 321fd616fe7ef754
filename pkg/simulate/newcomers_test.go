package simulate

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var cellHours = flag.Int("cell-hours", 2, "how many hours of demand each cell of the table of newcomers is from")

// TestNewcomers prints what a rule for newcomers costs: a table of the server's
// flags by what guests do after they became Ready. Each cell has the same random
// demand; the table's legend says what is counted. make loop prints it from 40
// hours a cell.
func TestNewcomers(t *testing.T) {
	burns := []time.Duration{0, 30 * time.Second, 55 * time.Second}
	intervals := []struct{ interval, window time.Duration }{
		{15 * time.Second, 30 * time.Second},
		{9750 * time.Millisecond, 29250 * time.Millisecond},
		{16250 * time.Millisecond, 32500 * time.Millisecond},
	}
	warmups := []time.Duration{time.Minute, 45 * time.Second, 30 * time.Second, 0}

	var table strings.Builder
	fmt.Fprintf(&table, "Seconds with more VMs than the demand of the last ten minutes needs (and by how many at most) / seconds with too few for the demand, beyond the tolerance; of %d.\n", *cellHours*seconds)
	fmt.Fprintf(&table, "| interval, window | warm-up |")
	for _, burn := range burns {
		fmt.Fprintf(&table, " burns %s after Ready |", burn)
	}
	fmt.Fprintf(&table, "\n|---|---|---|---|---|\n")
	for _, i := range intervals {
		for _, warmup := range warmups {
			fmt.Fprintf(&table, "| %s, %s | %s |", i.interval, i.window, warmup)
			for _, burn := range burns {
				server := defaults
				server.ScrapeInterval, server.RateWindow, server.Warmup = i.interval, i.window, warmup
				c := newcomersCell(server, burn, *cellHours)
				fmt.Fprintf(&table, " %s |", c)
				if server == defaults && c.excess > 1 {
					t.Errorf("with the default flags and a burn of %s there were up to %d VMs too many", burn, c.excess)
				}
			}
			table.WriteByte('\n')
		}
	}
	t.Log("\n" + table.String())
}

// cell is what happened in hours of demand.
type cell struct {
	above, below int // seconds
	excess       int // VMs
}

func (c cell) String() string {
	if c.excess == 0 {
		return fmt.Sprintf("0 / %d", c.below)
	}
	return fmt.Sprintf("%d (+%d) / %d", c.above, c.excess, c.below)
}

func newcomersCell(server Server, burn time.Duration, hours int) cell {
	const target, memory = 0.5, 600
	var c cell
	for s := 1; s <= hours; s++ {
		r := rand.New(rand.NewPCG(uint64(s), 2))
		_, demand := drawDemand(r, target, "ramp", "steps", "walk", "bursts")
		config := Config{
			Seed: uint64(s), Duration: seconds * time.Second, Nodes: 3, Server: server,
			Demand: func(at time.Duration) float64 { return demand[min(int(at/time.Second), seconds-1)] },
			Guests: Guests{VCPUs: 2, MinBoot: 30 * time.Second, MaxBoot: 2 * time.Minute, Burn: burn},
		}
		config.HPA = recommended.hpa(config.Guests, target)
		config.HPA.Replicas = int32(max(1, math.Ceil(demand[0]/target)))
		moments := Run(config)
		for i, m := range moments {
			until := config.Duration
			if i+1 < len(moments) {
				until = moments[i+1].At
			}
			for at := int(m.At / time.Second); at < int(until/time.Second); at++ {
				most := slices.Max(demand[max(0, at-memory):at+1]) / target
				most = max(1, math.Ceil(most), math.Floor(most/(1-tolerance)))
				if excess := int(m.Replicas) - int(most); excess > 0 {
					c.above++
					c.excess = max(c.excess, excess)
				}
				if demand[at]/target > (1+tolerance)*float64(m.Replicas) {
					c.below++
				}
			}
		}
	}
	return c
}
