package main

import (
	"bufio"
	"fmt"
	"os"
	"testing"
	"time"
)

// small is enough for figures that differ by a few hundredths from seed to seed.
var small = scale{seed: 1, guests: 40, length: 35 * time.Minute}

// TestTheDefaultsKeepWhatTheNoteSays holds the figures of docs/accuracy.md.
func TestTheDefaultsKeepWhatTheNoteSays(t *testing.T) {
	before := settings[0]
	alone, two, beside := constellations[0], constellations[1], constellations[3]
	for _, c := range []struct {
		who  constellation
		kind kind
		rms  float64
	}{
		{alone, constant, 0.9}, {two, constant, 0.6}, {beside, constant, 1.1},
		{two, noise, 0.6}, {beside, noise, 1.2},
		{two, square(45 * second), 2.0}, {two, square(120 * second), 1.8},
		{two, bursts(10 * second), 2.6}, {beside, bursts(30 * second), 2.6},
	} {
		conditions := conditions{renewal: 5 * time.Millisecond, busy: 1}
		now, _ := small.measure(chosen, c.who, conditions, c.kind)
		then, _ := small.measure(before, c.who, conditions, c.kind)
		if now.rms() > c.rms || now.rms() >= then.rms() {
			t.Errorf("%s, %s: off by %.2f points rms, want at most %.2f and less than the %.2f of %s", c.who.name, c.kind.name, now.rms(), c.rms, then.rms(), before)
		}
		if bias := now.bias(); bias < -0.1 || bias > 0.1 {
			t.Errorf("%s, %s: the bias is %.2f points, want none", c.who.name, c.kind.name, bias)
		}
	}
	_, reactions := small.measure(chosen, two, conditions{renewal: 5 * time.Millisecond, busy: 1}, steps)
	if median := reactions[len(reactions)/2]; median > 34*second {
		t.Errorf("a step is seen after %s at the median, want at most 34s", median)
	}
}

// TestTheModelAnswersAsKubeVirt compares the model of the cache with what
// KubeVirt's own code answered: TestTheCacheIsTheOneOfTheModel in
// test/kubevirt/launcher writes the file.
func TestTheModelAnswersAsKubeVirt(t *testing.T) {
	file, err := os.Open("testdata/kubevirt-cache.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var guest *launcher
	asked := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var at, want time.Duration
		switch line := lines.Text(); line {
		case "":
		default:
			var renewal, text [2]string
			if n, _ := fmt.Sscanf(line, "renewal %s", &renewal[0]); n == 1 {
				took := duration(t, renewal[0])
				guest = &launcher{renewed: -2 * cacheAge, renewal: func() time.Duration { return took }, lateness: func() time.Duration { return 0 }}
				continue
			}
			if _, err := fmt.Sscanf(line, "asked %s read %s", &text[0], &text[1]); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			at, want = duration(t, text[0]), duration(t, text[1])
			asked++
			if got := guest.ask(at); got != want {
				t.Fatalf("asked at %s the model's value is of %s, KubeVirt's of %s", at, got, want)
			}
		}
	}
	if asked < 100 {
		t.Errorf("%d answers were compared, want 100 or more", asked)
	}
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
