package inventory

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// object returns what the API says of an object, from "name=uid".
func object(text string) *metav1.PartialObjectMetadata {
	name, uid, _ := strings.Cut(text, "=")
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(uid)}}
}

func objects(texts ...string) []any {
	var list []any
	for _, text := range texts {
		list = append(list, object(text))
	}
	return list
}

func TestFeed(t *testing.T) {
	type feeding = *feed[Object]
	for _, test := range []struct {
		name    string
		do      func(feeding) error
		want    string // What is there then.
		removed string
		fails   bool
	}{
		{"a list is taken", func(f feeding) error { return f.Replace(objects("a=1", "b=2"), "") }, "a=1 b=2", "", false},
		{
			"what a later list lacks is removed",
			func(f feeding) error {
				_ = f.Replace(objects("a=1", "b=2", "c=3"), "")
				return f.Replace(objects("b=2"), "")
			},
			"b=2", "a c", false,
		},
		{
			"a name in a later list may be another object",
			func(f feeding) error {
				_ = f.Replace(objects("a=1"), "")
				return f.Replace(objects("a=2"), "")
			},
			"a=2", "", false,
		},
		{
			"what was added since the list before is removed too",
			func(f feeding) error {
				_ = f.Replace(objects("a=1"), "")
				_ = f.Add(object("b=2"))
				return f.Replace(objects("a=1"), "")
			},
			"a=1", "b", false,
		},
		{"an object is updated", func(f feeding) error { _ = f.Add(object("a=1")); return f.Update(object("a=2")) }, "a=2", "", false},
		{"an object is deleted", func(f feeding) error { _ = f.Add(object("a=1")); return f.Delete(object("a=1")) }, "", "a", false},
		{
			"what was deleted is not removed once more by a list",
			func(f feeding) error {
				_ = f.Replace(objects("a=1", "b=2"), "")
				_ = f.Delete(object("a=1"))
				return f.Replace(objects("b=2"), "")
			},
			"b=2", "a", false,
		},
		{"another kind of object is refused", func(f feeding) error { return f.Add("what?") }, "", "", true},
		{
			"a list with another kind of object changes nothing",
			func(f feeding) error {
				_ = f.Replace(objects("a=1", "b=2"), "")
				return f.Replace(append(objects("c=3"), "what?"), "")
			},
			"a=1 b=2", "", true,
		},
		{
			"after a refused list the next one removes what is gone",
			func(f feeding) error {
				_ = f.Replace(objects("a=1", "b=2"), "")
				_ = f.Replace(append(objects("b=2"), "what?"), "")
				return f.Replace(objects("b=2"), "")
			},
			"b=2", "a", false,
		},
		{
			"objects that were cut down on arrival are taken as they are",
			func(f feeding) error {
				list := objects("a=1", "b=2")
				for i := range list {
					var err error
					if list[i], err = f.Transformer()(list[i]); err != nil {
						return err
					}
				}
				_ = f.Replace(list, "")
				return f.Delete(list[0])
			},
			"b=2", "a", false,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			content := make(map[string]string)
			var removed []string
			f := newFeed(convertObject,
				func(o Object) { content[o.Name] = string(o.UID) },
				func(_, name string) {
					delete(content, name)
					removed = append(removed, name)
				})
			if err := test.do(f); (err != nil) != test.fails {
				t.Errorf("got error %v, want one: %v", err, test.fails)
			}
			var got []string
			for _, name := range slices.Sorted(maps.Keys(content)) {
				got = append(got, name+"="+content[name])
			}
			slices.Sort(removed)
			if diff := cmp.Diff([]string{test.want, test.removed}, []string{strings.Join(got, " "), strings.Join(removed, " ")}); diff != "" {
				t.Errorf("what is there and what was removed, -want +got:\n%s", diff)
			}
		})
	}
}

func TestAFeedIsSyncedOnceAListWasTaken(t *testing.T) {
	f := newFeed(convertObject, func(Object) {}, func(_, _ string) {})
	for _, step := range []struct {
		what string
		do   func() error
		want bool
	}{
		{"an object", func() error { return f.Add(object("a=1")) }, false},
		{"a list that is refused", func() error { return f.Replace([]any{"what?"}, "") }, false},
		{"an empty list", func() error { return f.Replace(nil, "") }, true},
	} {
		_ = step.do()
		if got := f.synced.Load(); got != step.want {
			t.Errorf("after %s: synced is %v, want %v", step.what, got, step.want)
		}
	}
}
