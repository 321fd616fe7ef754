package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

// eventText renders an event: its type, and what of the object a reflector looks at.
func eventText(eventType watch.EventType, object runtime.Object) string {
	switch o := object.(type) {
	case *vmiObject:
		m := o.Metadata
		text := fmt.Sprintf("%s %s/%s version %s", eventType, m.Namespace, m.Name, m.ResourceVersion)
		if end := m.Annotations[metav1.InitialEventsAnnotationKey]; end != "" {
			text += ", initial events end: " + end
		}
		return text
	case *metav1.Status:
		return fmt.Sprintf("%s %d %s: %s", eventType, o.Code, o.Reason, o.Message)
	default:
		return fmt.Sprintf("%s %T", eventType, object)
	}
}

func TestTheEventsOfAWatchOfVMIs(t *testing.T) {
	const added = `{"type":"ADDED","object":{"metadata":{"namespace":"ns","name":"a","resourceVersion":"5"}}}` + "\n"
	for _, test := range []struct {
		name, stream string
		want         []string
		fails        string // After that; "" where the API server ends the watch.
	}{
		{
			"of each kind",
			added + strings.ReplaceAll(added, "ADDED", "MODIFIED") + strings.ReplaceAll(added, "ADDED", "DELETED"),
			[]string{"ADDED ns/a version 5", "MODIFIED ns/a version 5", "DELETED ns/a version 5"}, "",
		},
		{
			"with the bookmark that ends the list",
			`{"type":"BOOKMARK","object":{"kind":"VirtualMachineInstance","metadata":{"resourceVersion":"7","annotations":{"k8s.io/initial-events-end":"true"}}}}` + "\n",
			[]string{"BOOKMARK / version 7, initial events end: true"}, "",
		},
		{
			"with a failure",
			`{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old","reason":"Expired","code":410}}` + "\n",
			[]string{"ERROR 410 Expired: too old"}, "",
		},
		{"with a failure that is none", `{"type":"ERROR","object":7}` + "\n", nil, "decode a failure of a watch of VMIs: "},
		{"with an unknown type", strings.ReplaceAll(added, "ADDED", "MOVED"), nil, `unknown type "MOVED"`},
		{"without a type", "{}\n", nil, `unknown type ""`},
		{"that is no JSON after some that are", added + "<html>\n", []string{"ADDED ns/a version 5"}, "decode a VMI's event: "},
		{"with another kind of object", `{"type":"ADDED","object":{"metadata":"?"}}` + "\n", nil, "decode a VMI's event: "},
		{"that is cut off", added + added[:40], []string{"ADDED ns/a version 5"}, io.ErrUnexpectedEOF.Error()},
		{"that is too large", added + strings.Repeat("x", maxEventBytes), []string{"ADDED ns/a version 5"}, "more than 16777216 bytes"},
	} {
		t.Run("an event "+test.name, func(t *testing.T) {
			d := newVMIDecoder(io.NopCloser(strings.NewReader(test.stream)))
			for _, want := range test.want {
				eventType, object, err := d.Decode()
				if err != nil {
					t.Fatal(err)
				}
				if got := eventText(eventType, object); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			_, _, err := d.Decode()
			if test.fails == "" && !errors.Is(err, io.EOF) || err == nil || !strings.Contains(err.Error(), test.fails) {
				t.Errorf("in the end there is the error %v, want %q", err, test.fails)
			}
		})
	}
}

func TestTheLargestEventIsRead(t *testing.T) {
	const event = `{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"5"},"spec":{"hostname":""}}}`
	large := event[:len(event)-4] + strings.Repeat("x", maxEventBytes-len(event)-1) + event[len(event)-4:] + "\n"
	d := newVMIDecoder(io.NopCloser(strings.NewReader(large)))
	eventType, object, err := d.Decode()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := eventText(eventType, object), "ADDED /a version 5"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestADecodedVMIIsCopiedDeeply(t *testing.T) {
	in := slim(t, read[kubevirtv1.VirtualMachineInstance](t, "vmi.yaml")).(*vmiObject)
	c := in.DeepCopyObject().(*vmiObject)
	c.Metadata.Labels["app"], c.Status.Conditions[0].Status, c.Status.Phases[3].Phase = "other", "False", "Failed"
	v, err := convertVMI(in)
	if err != nil {
		t.Fatal(err)
	}
	if v.Labels["app"] != "web" || !v.Ready || v.RunningSince.IsZero() {
		t.Errorf("a change of the copy changed the VMI to %+v", v)
	}
}

func TestAWatcherReadsPagesOfAnOlderAPIServer(t *testing.T) {
	api := startAPIServer(t)
	api.isOld = true
	for _, name := range []string{"a", "b", "c"} {
		vmi := read[kubevirtv1.VirtualMachineInstance](t, "vmi.yaml")
		vmi.Name, vmi.ResourceVersion = name, "5"
		api.lists[vmisPath] = append(api.lists[vmisPath], vmi)
	}
	known := New(DefaultWarmups, time.Now)
	watcher, err := NewWatcher(api.config(), known, "kubevirt", nil)
	if err != nil {
		t.Fatal(err)
	}
	run(t, watcher)
	eventually(t, "missing", "", func() string { return strings.Join(watcher.Missing(), ", ") })
	vmis := func() string {
		found, _ := known.Store.Members(Namespaces, "shop", "shop")
		var names []string
		for _, m := range found {
			names = append(names, m.VMI.Name)
		}
		return strings.Join(names, " ")
	}
	eventually(t, "VMIs", "a b c", vmis)
	api.changes[vmisPath] <- change{"DELETED", api.lists[vmisPath][1]}
	eventually(t, "VMIs after a deletion", "a c", vmis)
}

// BenchmarkVMIEvents takes an event from the stream to the VMI that is kept.
func BenchmarkVMIEvents(b *testing.B) {
	event, err := os.ReadFile("testdata/vmi-event.json")
	if err != nil {
		b.Fatal(err)
	}
	const batch = 1000
	stream := bytes.Repeat(event, batch)
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	var d *vmiDecoder
	for i := range b.N {
		if i%batch == 0 {
			d = newVMIDecoder(io.NopCloser(bytes.NewReader(stream)))
		}
		_, object, err := d.Decode()
		if err != nil {
			b.Fatal(err)
		}
		if v, err := convertVMI(object); err != nil || !v.Ready {
			b.Fatalf("got %+v, %v", v, err)
		}
	}
}
