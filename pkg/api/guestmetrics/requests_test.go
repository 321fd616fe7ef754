package guestmetrics_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"guest-metrics-server/pkg/apiserver/servertest"
)

func TestLists(t *testing.T) {
	s := cluster(t)
	for _, test := range []struct{ name, path, want string }{
		{"of a namespace", "namespaces/shop/vmimetrics", "shop/web-0 shop/web-1 shop/young"},
		{"of all namespaces", "vmimetrics", "bank/vault-0 shop/web-0 shop/web-1 shop/young"},
		{"by label", "vmimetrics?labelSelector=app+in+(web,vault)", "bank/vault-0 shop/web-0 shop/web-1"},
		{"by name", "vmimetrics?fieldSelector=metadata.name%3Dweb-1", "shop/web-1"},
		{"by another name", "namespaces/shop/vmimetrics?fieldSelector=metadata.name!%3Dweb-1", "shop/web-0 shop/young"},
		{"by a name of another namespace", "namespaces/shop/vmimetrics?fieldSelector=metadata.name%3Dvault-0", ""},
		{"by another namespace", "namespaces/shop/vmimetrics?fieldSelector=metadata.namespace%3Dbank", ""},
		{"a page", "vmimetrics?limit=2", "bank/vault-0 shop/web-0 ..."},
		{"a page of all", "vmimetrics?limit=4", "bank/vault-0 shop/web-0 shop/web-1 shop/young"},
		{"the next page", "vmimetrics?limit=2&continue=YWZ0ZXIvc2hvcC93ZWItMA", "shop/web-1 shop/young"},
		{"of targets", "scrapetargets", "/n1 /n2 /n3 /n4"},
		{"of targets by name", "scrapetargets?fieldSelector=metadata.name%3Dn2", "/n2"},
		{"of targets by label, which they have not", "scrapetargets?labelSelector=app%3Dweb", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			list := get[metav1.PartialObjectMetadataList](t, s.URL+root+test.path, "application/json", http.StatusOK)
			if diff := cmp.Diff(test.want, names(list)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// names lists objects, with "..." when there is more.
func names(list metav1.PartialObjectMetadataList) string {
	var names []string
	for _, item := range list.Items {
		names = append(names, item.Namespace+"/"+item.Name)
	}
	if list.Continue != "" {
		names = append(names, "...")
	}
	return strings.Join(names, " ")
}

// A list that is read in pages has each VMI once, in order, and no page has more
// VMIs than are allowed.
func TestPages(t *testing.T) {
	var many []string
	for i := range 1100 {
		many = append(many, fmt.Sprintf("large/vm-%04d", i))
	}
	s := cluster(t, many...)
	for _, limit := range []int{7, 500, 5000} {
		var got []string
		next, pages := "", 0
		for {
			page := get[metav1.PartialObjectMetadataList](t, fmt.Sprintf("%s%snamespaces/large/vmimetrics?limit=%d&continue=%s", s.URL, root, limit, next), "application/json", http.StatusOK)
			if n := len(page.Items); n > limit || n > 1000 {
				t.Errorf("a page of %d has %d VMIs", limit, n)
			}
			for _, item := range page.Items {
				got = append(got, item.Namespace+"/"+item.Name)
			}
			pages++
			if next = page.Continue; next == "" {
				break
			}
		}
		if diff := cmp.Diff(many, got); diff != "" {
			t.Errorf("in %d pages of %d, -want +got:\n%s", pages, limit, diff)
		}
	}
	status := get[metav1.Status](t, s.URL+root+"namespaces/large/vmimetrics", "application/json", http.StatusBadRequest)
	if !strings.Contains(status.Message, "more than 1000 VMIs match: ask for pages") {
		t.Error(status.Message)
	}
}

func TestBadRequests(t *testing.T) {
	s := cluster(t)
	selector := func(text string) string { return "vmimetrics?labelSelector=" + url.QueryEscape(text) }
	for _, test := range []struct {
		name, method, path string
		code               int
		want               string
	}{
		{"a VMI that is not there", "GET", "namespaces/shop/vmimetrics/vault-0", http.StatusNotFound, `Status NotFound: vmimetrics.guestmetrics.io "vault-0" not found`},
		{"a target that is not there", "GET", "scrapetargets/n9", http.StatusNotFound, `Status NotFound: scrapetargets.guestmetrics.io "n9" not found`},
		{"a VMI without its namespace", "GET", "vmimetrics/web-0", http.StatusNotFound, "Status NotFound: "},
		{"another resource", "GET", "namespaces/shop/pods", http.StatusNotFound, "Status NotFound: "},
		{"a subresource", "GET", "namespaces/shop/vmimetrics/web-0/status", http.StatusNotFound, "Status NotFound: "},
		{"a selector that is malformed", "GET", selector("==="), http.StatusBadRequest, "Status BadRequest: "},
		{"a selector of many requirements", "GET", selector(strings.Repeat("a,", 64) + "a"), http.StatusBadRequest, "labelSelector: it has 65 requirements with 0 values, allowed are 64 with 256"},
		{"a URI that is too long", "GET", selector(strings.Repeat("b", 700_000)), http.StatusRequestURITooLong, "allowed are 16384"},
		{"another field", "GET", "vmimetrics?fieldSelector=spec.node%3Dn1", http.StatusBadRequest, "Status BadRequest: "},
		{"a continue of somewhere else", "GET", "vmimetrics?limit=2&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ", http.StatusBadRequest, "continue: it is not from a response of this API: list from the beginning"},
		{"a watch", "GET", "namespaces/shop/vmimetrics?watch=true", http.StatusMethodNotAllowed, "Status MethodNotAllowed: watch is not supported on resources of kind \"vmimetrics.guestmetrics.io\""},
		{"a watch of targets", "GET", "scrapetargets?watch=true", http.StatusMethodNotAllowed, "Status MethodNotAllowed: watch is not supported on resources of kind \"scrapetargets.guestmetrics.io\""},
		{"a watch in the old form", "GET", "watch/namespaces/shop/vmimetrics", http.StatusNotFound, "Status NotFound: "},
		{"create", "POST", "namespaces/shop/vmimetrics", http.StatusMethodNotAllowed, "Status MethodNotAllowed: the server does not allow this method on the requested resource"},
		{"replace", "PUT", "namespaces/shop/vmimetrics/web-0", http.StatusMethodNotAllowed, "Status MethodNotAllowed: "},
		{"patch", "PATCH", "namespaces/shop/vmimetrics/web-0", http.StatusMethodNotAllowed, "Status MethodNotAllowed: "},
		{"delete", "DELETE", "namespaces/shop/vmimetrics/web-0", http.StatusMethodNotAllowed, "Status MethodNotAllowed: "},
		{"delete all", "DELETE", "scrapetargets", http.StatusMethodNotAllowed, "Status MethodNotAllowed: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, got := send(t, test.method, s.URL+root+test.path)
			if code != test.code || !strings.Contains(got, test.want) {
				t.Errorf("got %d, want %d with %q: %s", code, test.code, test.want, got)
			}
		})
	}
}

func TestWhoIsNotKnownIsNotAnswered(t *testing.T) {
	s := servertest.Serve(t, func() error { return nil }, nil)
	if code, body := servertest.Get(t, s.URL+root+"namespaces/shop/vmimetrics", "application/json"); code != http.StatusForbidden {
		t.Errorf("%d: %s", code, body)
	}
}
