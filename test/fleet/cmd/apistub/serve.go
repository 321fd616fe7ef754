package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// api answers lists and watches.
type api struct {
	resources      map[string]*resource
	changeInterval time.Duration // Of each object of a changing set.
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, namespace := withoutNamespace(r.URL.Path)
	resource, ok := a.resources[path]
	if !ok {
		// A single object: the only ones that are read so are of a set of one.
		if path, name, found := cutLast(path); found && a.resources[path] != nil {
			a.get(w, r, a.resources[path], namespace, name)
			return
		}
		http.NotFound(w, r)
		return
	}
	query := r.URL.Query()
	sets, err := resource.selected(namespace, query)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f := formatOf(r.Header.Get("Accept"), resource.isCustom)
	if watch, _ := strconv.ParseBool(query.Get("watch")); watch {
		a.watch(w, r, resource, sets, f)
		return
	}
	w.Header().Set("Content-Type", f.contentType())
	if err := list(w, resource, sets, f, query); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// withoutNamespace takes /namespaces/NS out of a path.
func withoutNamespace(path string) (rest, namespace string) {
	before, after, ok := strings.Cut(path, "/namespaces/")
	if !ok {
		return path, ""
	}
	namespace, after, _ = strings.Cut(after, "/")
	return before + "/" + after, namespace
}

func cutLast(path string) (before, last string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", "", false
	}
	return path[:i], path[i+1:], true
}

// selected returns the sets that a request is for. Of sets with many objects it
// knows their kind's labels only, which is what is selected by.
func (r *resource) selected(namespace string, query url.Values) ([]*set, error) {
	byLabel, err := labels.Parse(query.Get("labelSelector"))
	if err != nil {
		return nil, fmt.Errorf("labelSelector: %w", err)
	}
	byField, err := fields.ParseSelector(query.Get("fieldSelector"))
	if err != nil {
		return nil, fmt.Errorf("fieldSelector: %w", err)
	}
	name, hasName := byField.RequiresExactMatch("metadata.name")
	var selected []*set
	for _, s := range r.sets {
		if byLabel.Matches(s.labels) && (namespace == "" || namespace == s.namespace) && (!hasName || name == s.name) {
			selected = append(selected, s)
		}
	}
	return selected, nil
}

func (a *api) get(w http.ResponseWriter, r *http.Request, resource *resource, namespace, name string) {
	for _, s := range resource.sets {
		if s.name != name || s.namespace != namespace {
			continue
		}
		f, err := s.form(formKey{})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(f.append(nil, s.values(0)))
		return
	}
	http.NotFound(w, r)
}

// chunkBytes is how much is written at a time.
const chunkBytes = 64 << 10

// page is the objects of a list that one answer has: from the first one on, those
// of all sets one after another.
type page struct{ first, count, total int }

func pageOf(sets []*set, query url.Values) page {
	p := page{}
	for _, s := range sets {
		p.total += s.count
	}
	p.first, _ = strconv.Atoi(query.Get("continue"))
	p.count = p.total - p.first
	if limit, _ := strconv.Atoi(query.Get("limit")); limit > 0 {
		p.count = min(p.count, limit)
	}
	return p
}

func (p page) metadata() metav1.ListMeta {
	m := metav1.ListMeta{ResourceVersion: versionText()}
	if next := p.first + p.count; next < p.total {
		left := int64(p.total - next)
		m.Continue, m.RemainingItemCount = strconv.Itoa(next), &left
	}
	return m
}

// list writes a list. It is not compressed, as a real API server would do for a
// client on another machine.
func list(w http.ResponseWriter, resource *resource, sets []*set, f format, query url.Values) error {
	p := pageOf(sets, query)
	if f.protobuf {
		return listProtobuf(w, resource, sets, f, p)
	}
	kind, apiVersion := resource.kind+"List", resource.apiVersion
	if f.metadataOnly {
		kind, apiVersion = "PartialObjectMetadataList", "meta.k8s.io/v1"
	}
	m := p.metadata()
	buffer := fmt.Appendf(nil, `{"kind":%q,"apiVersion":%q,"metadata":{"resourceVersion":%q,"continue":%q},"items":[`,
		kind, apiVersion, m.ResourceVersion, m.Continue)
	separator := ""
	err := p.each(sets, func(s *set, i int) error {
		form, err := s.form(formKey{format: f})
		if err != nil {
			return err
		}
		buffer = append(buffer, separator...)
		separator = ","
		buffer = form.append(buffer, s.values(i))
		if len(buffer) > chunkBytes {
			_, err = w.Write(buffer)
			buffer = buffer[:0]
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = w.Write(append(buffer, "]}"...))
	return err
}

func listProtobuf(w http.ResponseWriter, resource *resource, sets []*set, f format, p page) error {
	kind := schema.FromAPIVersionAndKind(resource.apiVersion, resource.kind+"List")
	if f.metadataOnly {
		kind = metav1.SchemeGroupVersion.WithKind("PartialObjectMetadataList")
	}
	metadata := p.metadata()
	m, err := metadata.Marshal()
	if err != nil {
		return err
	}
	bare := appendField(nil, metadataField, m)
	err = p.each(sets, func(s *set, i int) error {
		form, err := s.form(formKey{format: f})
		if err == nil {
			bare = form.append(bare, s.values(i))
		}
		return err
	})
	if err != nil {
		return err
	}
	b, err := envelope(kind, bare)
	if err == nil {
		_, err = w.Write(b)
	}
	return err
}

// each calls f for the page's objects.
func (p page) each(sets []*set, f func(s *set, i int) error) error {
	skip, left := p.first, p.count
	for _, s := range sets {
		for i := min(skip, s.count); i < s.count && left > 0; i++ {
			if err := f(s, i); err != nil {
				return err
			}
			left--
		}
		skip = max(0, skip-s.count)
	}
	return nil
}

// watch streams events until the client's timeout: first, where asked for, all
// objects and the bookmark that says so, then changes.
func (a *api) watch(w http.ResponseWriter, r *http.Request, resource *resource, sets []*set, f format) {
	ctx := r.Context()
	query := r.URL.Query()
	if seconds, _ := strconv.Atoi(query.Get("timeoutSeconds")); seconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
		defer cancel()
	}
	w.Header().Set("Content-Type", f.contentType()+";stream=watch")
	e := &events{w: w, format: f, changed: make(map[*set]int)}
	defer e.flush()
	if initial, _ := strconv.ParseBool(query.Get("sendInitialEvents")); initial {
		p := pageOf(sets, nil)
		_ = p.each(sets, func(s *set, i int) error { e.send(s, i, "ADDED"); return e.err })
		e.initialEnd(resource)
	}
	e.flush()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for start := time.Now(); e.err == nil; {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			e.sendChanges(sets, a.changeInterval, now.Sub(start))
		}
		e.flush()
	}
}

// events writes a watch's events.
type events struct {
	w      http.ResponseWriter
	format format
	buffer []byte
	err    error

	changed map[*set]int // How many changes have been sent.
}

func (e *events) send(s *set, i int, eventType string) {
	form, err := s.form(formKey{e.format, eventType})
	if err != nil {
		e.err = err
		return
	}
	e.buffer = form.append(e.buffer, s.values(i))
	if len(e.buffer) > chunkBytes {
		e.flush()
	}
}

// sendChanges sends the changes that are due a time after the watch's start.
func (e *events) sendChanges(sets []*set, interval, after time.Duration) {
	for _, s := range sets {
		if !s.changing {
			continue
		}
		for due := int(float64(s.count) * float64(after) / float64(interval)); e.changed[s] < due; e.changed[s]++ {
			version.Add(1)
			e.send(s, e.changed[s]%s.count, "MODIFIED")
		}
	}
}

func (e *events) initialEnd(resource *resource) {
	b, err := event("BOOKMARK", map[string]any{
		"kind": resource.kind, "apiVersion": resource.apiVersion,
		"metadata": map[string]any{
			"resourceVersion": versionText(),
			"annotations":     map[string]any{metav1.InitialEventsAnnotationKey: "true"},
		},
	}, e.format)
	if err != nil {
		e.err = err
		return
	}
	e.buffer = append(e.buffer, b...)
}

func (e *events) flush() {
	if e.err != nil {
		return
	}
	_, e.err = e.w.Write(e.buffer)
	e.buffer = e.buffer[:0]
	if flusher, ok := e.w.(http.Flusher); ok {
		flusher.Flush()
	}
}
