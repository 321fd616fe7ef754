package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func testAct() act {
	return act{title: "an act", truth: "Real: nothing.", metric: "m", unit: "/s", full: 200, steps: []step{{title: "calm", amount: 60}, {title: "rush", amount: 400}}}
}

func testObservation(s step, does float64, value string) observation {
	return observation{
		at: 7 * time.Second, step: s, replicas: 2,
		guests: []guest{{name: "web-0", node: "node01", does: does, value: value, window: 10, age: 2 * time.Second}},
		hpa:    hpaView{current: 2, desired: 2, min: 2, max: 3, value: value, target: "100"},
	}
}

func TestPlainViewPrintsWhatIsServedAnew(t *testing.T) {
	var out strings.Builder
	a := testAct()
	v := newPlainView(&out, a)
	v.show(testObservation(a.steps[0], 30, ""))
	v.show(testObservation(a.steps[0], 31, "")) // Nothing new is served.
	v.show(testObservation(a.steps[0], 30, "29800m"))
	v.show(testObservation(a.steps[1], 30, "29800m"))
	want := `
an act
Real: nothing.

calm
    7s  replicas 2  hpa unknown of 100/s wants 2  web-0 does 30/s reads unknown
    7s  replicas 2  hpa 30/s of 100/s wants 2  web-0 does 30/s reads 30/s

rush
    7s  replicas 2  hpa 30/s of 100/s wants 2  web-0 does 30/s reads 30/s
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestLiveViewChartsReplicasAndLoad(t *testing.T) {
	var out strings.Builder
	a := testAct()
	v := newLiveView(&out, a)
	v.show(testObservation(step{title: "none"}, 0, ""))
	v.show(testObservation(a.steps[0], 30, "30"))
	out.Reset()
	v.show(testObservation(a.steps[1], 202, "200")) // More than fills the bar.
	for _, want := range []string{
		"web-0                node01   ████████████████████  202/s  200/s  over 10 s, 2s old\n",
		"HPA  200/s now, target 100/s: 2 replicas, wants 2 (2 to 3)\n",
		" 3 │   \n 2 │███\n 1 │███\n",
		"     ▂█" + strings.Repeat(" ", chartWidth-3) + " load\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %q in:\n%s", want, &out)
		}
	}
}
