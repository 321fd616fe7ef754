package explain

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"guest-metrics-server/pkg/plugin/printable"
)

// Write writes a report for a person.
func (r Report) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in namespace %s", r.Object, r.Namespace)
	if d := r.Decision; d != nil {
		fmt.Fprintf(&b, ": %s now, estimated next: %d", count(int(d.Current), "replica"), d.Desired)
	}
	b.WriteString("\n")
	for _, section := range r.Sections {
		section.write(&b)
	}
	if len(r.Unseen) > 0 {
		b.WriteString("\nWhat could not be seen\n")
		for _, text := range r.Unseen {
			fmt.Fprintf(&b, "  %s\n", text)
		}
	}
	_, err := io.WriteString(w, printable.Lines(b.String()))
	return err
}

func (s Section) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s\n", s.Title)
	if s.Request != "" {
		fmt.Fprintf(b, "  request    kubectl get --raw '%s'\n", s.Request)
	}
	writeStatements(b, s.Statements)
	writeMembers(b, s.Members)
	writeStatements(b, s.After)
}

func writeStatements(b *strings.Builder, statements []Statement) {
	for _, s := range statements {
		fmt.Fprintf(b, "  %-9s  %s\n", s.Basis, strings.ReplaceAll(s.Text, "\n", "\n             "))
	}
}

// writeMembers writes the columns that any member has something in.
func writeMembers(b *strings.Builder, members []Member) {
	if len(members) == 0 {
		return
	}
	columns := []struct {
		title string
		of    func(Member) string
	}{
		{"VMI", func(m Member) string { return m.VMI }},
		{"POD", func(m Member) string { return m.Pod }},
		{"METRIC", func(m Member) string { return m.Metric }},
		{"VALUE", func(m Member) string { return m.Value }},
		{"AGE", func(m Member) string { return m.Age }},
		{"OVER", func(m Member) string { return m.Window }},
		{"WHY NOT", Member.whyNot},
	}
	rows := make([][]string, len(members)+1)
	for _, column := range columns {
		used := false
		for _, m := range members {
			used = used || column.of(m) != ""
		}
		if !used {
			continue
		}
		rows[0] = append(rows[0], column.title)
		for i, m := range members {
			text := column.of(m)
			if text == "" && column.title != "WHY NOT" {
				text = "-"
			}
			rows[i+1] = append(rows[i+1], text)
		}
	}
	table := new(strings.Builder)
	w := tabwriter.NewWriter(table, 0, 0, 3, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // A strings.Builder takes everything.
	for line := range strings.Lines(table.String()) {
		fmt.Fprintf(b, "             %s\n", strings.TrimRight(line, " \n"))
	}
}

func (m Member) whyNot() string {
	if m.Reason == "" {
		return ""
	}
	return m.Reason + ": " + m.Text
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
