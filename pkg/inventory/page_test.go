package inventory

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

func TestPage(t *testing.T) {
	w := newWorld()
	for _, name := range []string{"b/web-1", "a/web-2", "c/db-0", "b/web-0", "b/db-0", "b-2/web-0"} {
		namespace, name, _ := strings.Cut(name, "/")
		v := vmi(name)
		v.Namespace = namespace
		w.start(v)
	}
	after := func(namespace, name string) types.NamespacedName {
		return types.NamespacedName{Namespace: namespace, Name: name}
	}
	for _, test := range []struct {
		name string
		page Page
		want string
	}{
		{"all, in order", Page{Limit: 10}, "a/web-2 b/db-0 b/web-0 b/web-1 b-2/web-0 c/db-0"},
		{"as many as there are", Page{Limit: 6}, "a/web-2 b/db-0 b/web-0 b/web-1 b-2/web-0 c/db-0"},
		{"the first ones", Page{Limit: 2}, "a/web-2 b/db-0 ..."},
		{"a namespace's end", Page{Limit: 4}, "a/web-2 b/db-0 b/web-0 b/web-1 ..."},
		{"the next ones", Page{After: after("b", "db-0"), Limit: 2}, "b/web-0 b/web-1 ..."},
		{"the last ones", Page{After: after("b", "web-1"), Limit: 2}, "b-2/web-0 c/db-0"},
		{"after one that is gone", Page{After: after("b", "gone"), Limit: 1}, "b/web-0 ..."},
		{"after all", Page{After: after("c", "db-0"), Limit: 2}, ""},
		{"a namespace", Page{Namespace: "b", Limit: 10}, "b/db-0 b/web-0 b/web-1"},
		{"a part of it", Page{Namespace: "b", After: after("b", "db-0"), Limit: 1}, "b/web-0 ..."},
		{"after another namespace", Page{Namespace: "b", After: after("c", "db-0"), Limit: 10}, ""},
		{"a namespace without VMIs", Page{Namespace: "nobody", Limit: 10}, ""},
		{"those that match", Page{Match: func(v *VMI) bool { return v.Name == "db-0" }, Limit: 1}, "b/db-0 ..."},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.page.Match == nil {
				test.page.Match = func(*VMI) bool { return true }
			}
			members, more := w.Page(test.page)
			var got []string
			for _, m := range members {
				got = append(got, fmt.Sprintf("%s/%s", m.VMI.Namespace, m.VMI.Name))
				if m.Pod == nil || m.Pod.Owner.UID != m.VMI.UID {
					t.Errorf("%s has the pod %v", m.VMI.Name, m.Pod)
				}
			}
			if more {
				got = append(got, "...")
			}
			if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
