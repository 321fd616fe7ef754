package guestmetrics

import (
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
)

var scrapeTargets = schema.GroupResource{Group: v1alpha1.SchemeGroupVersion.Group, Resource: "scrapetargets"}

func (c Config) scrapeTargets() storage {
	return storage{
		resource: scrapeTargets, singular: "scrapetarget",
		object: func() runtime.Object { return &v1alpha1.ScrapeTarget{} },
		empty:  func() runtime.Object { return &v1alpha1.ScrapeTargetList{} },
		get: func(_, name string) (runtime.Object, bool) {
			for _, t := range c.Targets() {
				if t.Node == name {
					target := c.scrapeTargetOf(t)
					return &target, true
				}
			}
			return nil, false
		},
		list: func(_ string, match match, _ *internalversion.ListOptions) (runtime.Object, error) {
			list := &v1alpha1.ScrapeTargetList{Items: []v1alpha1.ScrapeTarget{}}
			for _, t := range c.Targets() {
				if match("", t.Node, nil) {
					list.Items = append(list.Items, c.scrapeTargetOf(t))
				}
			}
			return list, nil
		},
		table: c.targetTable,
	}
}

func (c Config) scrapeTargetOf(t Target) v1alpha1.ScrapeTarget {
	target := v1alpha1.ScrapeTarget{
		ObjectMeta:  metav1.ObjectMeta{Name: t.Node},
		Replica:     c.Replica,
		URL:         t.URL,
		Health:      v1alpha1.TargetUnknown,
		LastScrape:  timeOf(t.Last),
		LastSuccess: timeOf(t.LastSuccess),
		VMIs:        int32(t.VMIs),
	}
	if t.Tried {
		target.LastScrapeDuration = &metav1.Duration{Duration: t.Duration}
		target.Health = v1alpha1.TargetUp
	}
	switch {
	case t.Err != nil:
		target.Health, target.LastError = v1alpha1.TargetDown, t.Err.Error()
	case t.Partly != nil:
		target.LastError = t.Partly.Error()
	}
	return target
}
