package top

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var escape = regexp.MustCompile("\x1b\\[([0-9]+)m")

func TestTable(t *testing.T) {
	now := time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC)
	rows := []Row{
		{Namespace: "shop", Name: "web-0", VCPUs: new(int32(2)), CPUCores: new(1.9), UtilizationPercent: new(95.0), DemandPercent: new(104.0), MemoryBytes: new(1e9), RequestsPerSecond: new(12.34), Timestamp: new(now.Add(-3 * time.Second)), Status: statusOK},
		{Namespace: "shop", Name: "web-1", CPUCores: new(0.0), UtilizationPercent: new(0.4), DemandPercent: new(72.0), Status: statusOK},
		{Namespace: "bank", Name: "vault", VCPUs: new(int32(1)), Status: "stale", Message: "no sample for 1m15s"},
	}
	for name, test := range map[string]struct {
		style style
		want  string
	}{
		"plain": {
			style: style{},
			want: `
NAME    CPU      CPU%   DEMAND%   MEMORY   REQUESTS/S   DATA AGE   STATUS
web-0   1.90/2   95%    104%      954Mi    12.3         3s         OK
web-1   0.00/-   0%     72%       -        -            -          OK
vault   -/1      -      -         -        -            -          stale
`,
		},
		"bars without colours": {
			style: style{bars: true, namespaces: true},
			want: `
NAMESPACE   NAME    CPU      CPU%              DEMAND%           MEMORY   REQUESTS/S   DATA AGE   STATUS
shop        web-0   1.90/2   ██████████  95%   ██████████ 104%   954Mi    12.3         3s         OK
shop        web-1   0.00/-   ░░░░░░░░░░   0%   ███████░░░  72%   -        -            -          OK
bank        vault   -/1      -                 -                 -        -            -          stale
`,
		},
		"colours do not move columns": {
			style: style{colours: true, wide: true},
			want: `
NAME    CPU      CPU%   DEMAND%   MEMORY   REQUESTS/S   DATA AGE   NODE   POD   STATUS   MESSAGE
web-0   1.90/2   <31>95%<0>    <31>104%<0>      954Mi    12.3         3s         -      -     OK
web-1   0.00/-   <32>0%<0>     <33>72%<0>       -        -            -          -      -     OK
vault   -/1      -      -         -        -            -          -      -     <33>stale<0>    no sample for 1m15s
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.style.now = now
			got := escape.ReplaceAllString(test.style.table("vmis", rows), "<$1>")
			if diff := cmp.Diff("\n"+got, test.want); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTableKeepsControlCharactersFromTheTerminal(t *testing.T) {
	rows := []Row{{Name: "web-0", Status: "stale", Message: "\x1b[2Jcleared\r\n"}}
	if got := (style{wide: true}).table("vmis", rows); strings.ContainsAny(got, "\x1b\r") || strings.Count(got, "\n") != 2 {
		t.Errorf("got %q", got)
	}
}

func TestSortRows(t *testing.T) {
	rows := []Row{
		{Name: "b"},
		{Name: "c", CPUCores: new(1.0), RequestsPerSecond: new(5.0)},
		{Name: "a", CPUCores: new(2.0)},
		{Name: "d", CPUCores: new(1.0), RequestsPerSecond: new(7.0)},
	}
	for by, want := range map[string]string{"cpu": "acdb", "requests": "dcab", "name": "abcd"} {
		if err := sortRows(rows, by); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, r := range rows {
			got += r.Name
		}
		if got != want {
			t.Errorf("by %s: %s, want %s", by, got, want)
		}
	}
	if err := sortRows(rows, "size"); err == nil {
		t.Error("an unknown key is taken")
	}
}
