package diagnosis

import (
	"cmp"
	"slices"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"guest-metrics-server/pkg/metric"
)

// meansOurs reports whether an HPA's metric, which the catalogue may lack, was meant
// to be one of it. HPAs of other things than VMs may have metrics of other adapters
// with similar names.
func meansOurs(hpa *autoscalingv2.HorizontalPodAutoscaler, name string) bool {
	ref := hpa.Spec.ScaleTargetRef
	return metric.Lookup(name) != nil || strings.HasPrefix(name, "guest_") ||
		isTargetKind(ref.APIVersion, ref.Kind) && len(nearest(name)) > 0
}

// nearest returns up to three names of the catalogue that the name may have been
// meant for, the most similar first.
func nearest(name string) []string {
	type candidate struct {
		name     string
		distance int
	}
	var near []candidate
	for _, m := range metric.All() {
		d := distance(name, m.Name)
		if strings.HasPrefix(m.Name, name) || strings.Contains(m.Name, "_"+name) {
			d = min(d, 3) // What is left out at an end is forgotten rather than misspelt.
		}
		if d <= max(2, len(name)/4) {
			near = append(near, candidate{m.Name, d})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var names []string
	for _, c := range near[:min(3, len(near))] {
		if c.distance <= near[0].distance+1 {
			names = append(names, c.name)
		}
	}
	return names
}

// distance is Levenshtein's: the number of bytes to insert, remove or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
