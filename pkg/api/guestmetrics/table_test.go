package guestmetrics_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const asTable = "application/json;as=Table;v=v1;g=meta.k8s.io"

func TestTables(t *testing.T) {
	s := cluster(t)
	for _, test := range []struct{ path, want string }{
		{"namespaces/shop/vmimetrics", `
Name | CPU | CPU% | Demand% | Memory | Memory% | Requests/s | Data Age | Status | +Steal% | +Connections | +Node | +Pod | +Counts Since | +Unknown | +Reason
web-0 | 1.25/2 | 63% | - | 768Mi | - | - | 12s | OK | - | - | n1 | virt-launcher-web-0 | 58m | 1 | -
web-1 | 1.25/2 | 63% | - | 768Mi | - | - | 12s | OK | - | - | n1 | virt-launcher-web-1 | 58m | 1 | -
young | - | - | - | - | - | - | - | not_ready | - | - | n1 | virt-launcher-young | - | 4 | not Ready yet
`},
		{"namespaces/shop/vmimetrics/web-0", `
Name | CPU | CPU% | Demand% | Memory | Memory% | Requests/s | Data Age | Status | +Steal% | +Connections | +Node | +Pod | +Counts Since | +Unknown | +Reason
web-0 | 1.25/2 | 63% | - | 768Mi | - | - | 12s | OK | - | - | n1 | virt-launcher-web-0 | 58m | 1 | -
`},
		{"scrapetargets", `
Name | Health | Last Scrape | Last Success | Duration | VMIs | Error | +URL | +Replica
n1 | up | 3s | 3s | 1.234s | 4 | - | https://192.0.2.1:8443/metrics | server-1
n2 | down | 5s | 60s | 1ms | 1 | connection refused | https://192.0.2.2:8443/metrics | server-1
n3 | unknown | - | - | - | 0 | - | https://192.0.2.3:8443/metrics | server-1
n4 | up | 0s | 0s | 0s | 2 | a line could not be read | https://192.0.2.4:8443/metrics | server-1
`},
	} {
		table := get[metav1.Table](t, s.URL+root+test.path, asTable, http.StatusOK)
		if diff := cmp.Diff(test.want, render(table)); diff != "" {
			t.Errorf("%s, -want +got:\n%s", test.path, diff)
		}
	}
	page := get[metav1.Table](t, s.URL+root+"vmimetrics?limit=1", asTable, http.StatusOK)
	if page.Continue == "" || len(page.Rows) != 1 || !strings.Contains(string(page.Rows[0].Object.Raw), `"namespace":"bank"`) {
		t.Errorf("a page: %+v", page)
	}
}

// render shows a table, with a + before the columns of -o wide.
func render(table metav1.Table) string {
	var b strings.Builder
	for i, c := range table.ColumnDefinitions {
		if i > 0 {
			b.WriteString(" | ")
		}
		b.WriteString(strings.Repeat("+", int(c.Priority)) + c.Name)
	}
	for _, row := range table.Rows {
		b.WriteString("\n")
		for i, cell := range row.Cells {
			if i > 0 {
				b.WriteString(" | ")
			}
			fmt.Fprint(&b, cell)
		}
	}
	return "\n" + b.String() + "\n"
}
