package script

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// step is a script that takes over at a time after the launcher's start.
type step struct {
	at          time.Duration
	annotations map[string]string
}

func annotations(pairs ...string) map[string]string {
	m := map[string]string{"unrelated": "x"}
	for i := 0; i < len(pairs); i += 2 {
		m[Prefix+pairs[i]] = pairs[i+1]
	}
	return m
}

func TestGuestIntegratesItsScripts(t *testing.T) {
	tests := map[string]struct {
		steps     []step
		at        time.Duration
		wantVCPU  time.Duration
		wantDelay time.Duration
	}{
		"idle by default": {
			steps: []step{{0, nil}},
			at:    time.Minute,
		},
		"half busy": {
			steps:    []step{{0, annotations("cpu-percent", "50")}},
			at:       10 * time.Second,
			wantVCPU: 5 * time.Second,
		},
		"a change takes effect from that moment": {
			steps:    []step{{0, annotations("cpu-percent", "50")}, {4 * time.Second, annotations("cpu-percent", "100")}},
			at:       10 * time.Second,
			wantVCPU: 8 * time.Second,
		},
		"demand beyond the host's share is delay": {
			steps:     []step{{0, annotations("cpu-percent", "100", "host-share-percent", "25")}},
			at:        8 * time.Second,
			wantVCPU:  2 * time.Second,
			wantDelay: 6 * time.Second,
		},
		"demand within the host's share is not": {
			steps:    []step{{0, annotations("cpu-percent", "20", "host-share-percent", "25")}},
			at:       10 * time.Second,
			wantVCPU: 2 * time.Second,
		},
		"asked during boot": {
			steps:    []step{{0, annotations("cpu-percent", "10", "boot-seconds", "30", "boot-cpu-percent", "90")}},
			at:       10 * time.Second,
			wantVCPU: 9 * time.Second,
		},
		"asked after boot": {
			steps:    []step{{0, annotations("cpu-percent", "10", "boot-seconds", "30", "boot-cpu-percent", "90")}},
			at:       40 * time.Second,
			wantVCPU: 28 * time.Second,
		},
		"a change during boot keeps the boot's end": {
			steps: []step{
				{0, annotations("boot-seconds", "10", "boot-cpu-percent", "100")},
				{5 * time.Second, annotations("boot-seconds", "10", "boot-cpu-percent", "100", "cpu-percent", "50")},
			},
			at:       20 * time.Second,
			wantVCPU: 15 * time.Second,
		},
		"paused": {
			steps:    []step{{0, annotations("cpu-percent", "100")}, {3 * time.Second, annotations("cpu-percent", "100", "paused", "true")}},
			at:       time.Hour,
			wantVCPU: 3 * time.Second,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			start := time.Unix(1_800_000_000, 0)
			guest := NewGuest(1, Script{}, start)
			for _, step := range test.steps {
				s, err := Parse(step.annotations)
				if err != nil {
					t.Fatal(err)
				}
				guest.Follow(s, start.Add(step.at))
			}
			got := guest.At(start.Add(test.at))
			if got.VCPU != test.wantVCPU || got.Delay != test.wantDelay {
				t.Errorf("vCPU time %v and delay %v, want %v and %v", got.VCPU, got.Delay, test.wantVCPU, test.wantDelay)
			}
		})
	}
}

func TestGuestCountsRates(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	s, err := Parse(annotations("network-receive-bytes-per-second", "1000", "storage-write-operations-per-second", "2.5"))
	if err != nil {
		t.Fatal(err)
	}
	got := NewGuest(1, s, start).At(start.Add(4 * time.Second)).Counters
	if got[ReceiveBytes] != 4000 || got[WriteOperations] != 10 {
		t.Errorf("received %v bytes and wrote %v times, want 4000 and 10", got[ReceiveBytes], got[WriteOperations])
	}
}

func TestGuestOutlivesItsProcess(t *testing.T) {
	start := time.Unix(1_800_000_000, 0).UTC()
	s, err := Parse(annotations("cpu-percent", "50"))
	if err != nil {
		t.Fatal(err)
	}
	guest := NewGuest(2, Script{}, start)
	guest.Follow(s, start.Add(time.Second))
	stored, err := json.Marshal(guest)
	if err != nil {
		t.Fatal(err)
	}
	restored := &Guest{}
	if err := json.Unmarshal(stored, restored); err != nil {
		t.Fatal(err)
	}
	later := start.Add(time.Minute)
	if diff := cmp.Diff(guest.At(later), restored.At(later)); diff != "" {
		t.Errorf("totals after a restart (-want +got):\n%s", diff)
	}
}

func TestParseNamesTheAnnotationThatIsWrong(t *testing.T) {
	tests := map[string]struct{ name, value, want string }{
		"not a number": {"cpu-percent", "much", `annotation script.guestmetrics.io/cpu-percent: "much": must be a number from 0 to 100`},
		"out of range": {"cpu-percent", "101", `annotation script.guestmetrics.io/cpu-percent: "101": must be a number from 0 to 100`},
		"not a switch": {"paused", "perhaps", `annotation script.guestmetrics.io/paused: "perhaps": must be true or false`},
		"unknown":      {"cpu", "1", `annotation script.guestmetrics.io/cpu: "1": no such script annotation`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := Parse(annotations(test.name, test.value, "host-share-percent", "40"))
			if err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
			if got := s.Number(HostSharePercent); got != 40 {
				t.Errorf("the right annotation beside the wrong one reads %v, want 40", got)
			}
		})
	}
}
