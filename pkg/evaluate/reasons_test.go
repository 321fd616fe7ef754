package evaluate_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"guest-metrics-server/pkg/reason"
)

// TestEachReasonHasAScenario looks for an answer that gives it, alone or as one
// of a group's: TestScenarios holds that these answers are right.
func TestEachReasonHasAScenario(t *testing.T) {
	paths, err := filepath.Glob("testdata/scenarios/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("found %d files of scenarios: %v", len(paths), err)
	}
	var all strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for _, info := range reason.Table() {
		answer := regexp.MustCompile(`(?m)^404: .*( is unknown \(` + string(info.Code) + `\): |[:,] \d+ ` + string(info.Code) + ` \()`)
		if !answer.MatchString(all.String()) {
			t.Errorf("no scenario answers with the reason %s", info.Code)
		}
	}
}
