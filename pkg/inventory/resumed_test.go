package inventory

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestResumed(t *testing.T) {
	const pause, unpause, other, again = "pause", "unpause", "another VMI of the name", "an update"
	for _, test := range []struct {
		name  string
		steps []string // A minute apart, the first at noon.
		want  time.Time
	}{
		{"never paused", []string{unpause, again}, time.Time{}},
		{"paused", []string{unpause, pause}, time.Time{}},
		{"paused when first seen", []string{pause, unpause}, noon.Add(time.Minute)},
		{"paused and resumed", []string{unpause, pause, unpause}, noon.Add(2 * time.Minute)},
		{"an update later", []string{unpause, pause, unpause, again}, noon.Add(2 * time.Minute)},
		{"paused twice", []string{pause, unpause, pause, unpause}, noon.Add(3 * time.Minute)},
		{"paused again", []string{pause, unpause, pause}, noon.Add(time.Minute)},
		{"another VMI", []string{pause, unpause, other}, time.Time{}},
		{"another VMI, the one before was paused", []string{pause, other}, time.Time{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, v := newWorld(), vmi("a")
			for _, step := range test.steps {
				switch step {
				case pause, unpause:
					v.Paused = step == pause
				case other:
					v.UID, v.Paused = "other", false
				}
				w.PutVMI(v)
				w.now = w.now.Add(time.Minute)
			}
			if diff := cmp.Diff(test.want, w.VMI("ns", "a").Resumed); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
