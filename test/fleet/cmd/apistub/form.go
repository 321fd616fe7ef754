package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// A mark stands for what differs from one object of a form to the next. Its
// replacement is as long, so that lengths in protobuf stay true.
type mark string

const (
	namespaceMark mark = "SSS"
	poolMark      mark = "PPPPP"
	ordinalMark   mark = "OOOO"
	nodeMark      mark = "NNNNN"
	indexMark     mark = "IIIIIIIIIIII"
	versionMark   mark = "RRRRRRRRR"
	podIPMark     mark = "1XX.1YY.1ZZ"
	nodeIPMark    mark = "1UU.1WW"
)

var allMarks = []mark{namespaceMark, poolMark, ordinalMark, nodeMark, indexMark, versionMark, podIPMark, nodeIPMark}

// form is the bytes of an object in one format, with marks.
type form struct {
	bytes []byte
	spots []spot
}

type spot struct {
	at int
	mark
}

func newForm(b []byte) form {
	f := form{bytes: b}
	for _, m := range allMarks {
		for at := 0; ; at += len(m) {
			i := bytes.Index(b[at:], []byte(m))
			if i < 0 {
				break
			}
			at += i
			f.spots = append(f.spots, spot{at, m})
		}
	}
	return f
}

// append appends the object that has these values for the marks.
func (f form) append(to []byte, values map[mark]string) []byte {
	start := len(to)
	to = append(to, f.bytes...)
	for _, s := range f.spots {
		copy(to[start+s.at:], values[s.mark])
	}
	return to
}

// format is what a client can ask for.
type format struct {
	protobuf     bool
	metadataOnly bool
}

// formatOf reads the first media type that the client accepts and that a real
// API server would give: custom resources have no protobuf but of their metadata.
func formatOf(accept string, isCustom bool) format {
	for clause := range strings.SplitSeq(accept, ",") {
		f := format{
			protobuf:     strings.Contains(clause, "application/vnd.kubernetes.protobuf"),
			metadataOnly: strings.Contains(clause, "as=PartialObjectMetadata"),
		}
		if !f.protobuf || f.metadataOnly || !isCustom {
			return f
		}
	}
	return format{}
}

func (f format) contentType() string {
	if f.protobuf {
		return "application/vnd.kubernetes.protobuf"
	}
	return "application/json"
}

// encode encodes an object in a format. Within protobuf's lists it is bare, and
// on its own in Kubernetes' envelope.
func encode(object map[string]any, f format) (bare []byte, kind schema.GroupVersionKind, err error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, kind, err
	}
	kind = schema.FromAPIVersionAndKind(object["apiVersion"].(string), object["kind"].(string))
	var typed any
	switch {
	case f.metadataOnly:
		kind = metav1.SchemeGroupVersion.WithKind("PartialObjectMetadata")
		metadata := &metav1.PartialObjectMetadata{}
		if err := json.Unmarshal(text, metadata); err != nil {
			return nil, kind, err
		}
		metadata.SetGroupVersionKind(kind)
		typed = metadata
	case f.protobuf:
		typed, err = scheme.Scheme.New(kind)
		if err != nil {
			return nil, kind, err
		}
		if err := json.Unmarshal(text, typed); err != nil {
			return nil, kind, err
		}
	default:
		return text, kind, nil
	}
	if !f.protobuf {
		text, err = json.Marshal(typed)
		return text, kind, err
	}
	message, ok := typed.(interface{ Marshal() ([]byte, error) })
	if !ok {
		return nil, kind, fmt.Errorf("%T has no protobuf form", typed)
	}
	bare, err = message.Marshal()
	return bare, kind, err
}

// envelope is Kubernetes' wrapping of a protobuf message.
func envelope(kind schema.GroupVersionKind, bare []byte) ([]byte, error) {
	unknown := runtime.Unknown{
		TypeMeta: runtime.TypeMeta{APIVersion: kind.GroupVersion().String(), Kind: kind.Kind},
		Raw:      bare,
	}
	b, err := unknown.Marshal()
	return append([]byte("k8s\x00"), b...), err
}

// event is a watch's event in the form that it has on the wire.
func event(eventType string, object map[string]any, f format) ([]byte, error) {
	bare, kind, err := encode(object, f)
	if err != nil {
		return nil, err
	}
	if !f.protobuf {
		return fmt.Appendf(nil, "{\"type\":%q,\"object\":%s}\n", eventType, bare), nil
	}
	raw, err := envelope(kind, bare)
	if err != nil {
		return nil, err
	}
	e := metav1.WatchEvent{Type: eventType, Object: runtime.RawExtension{Raw: raw}}
	b, err := e.Marshal()
	if err != nil {
		return nil, err
	}
	n := len(b)
	return append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, b...), nil
}

// Fields of a protobuf list.
const (
	metadataField = 1
	itemsField    = 2
)

// appendField appends a message as a field of another.
func appendField(to []byte, field byte, message []byte) []byte {
	const lengthDelimited = 2
	to = binary.AppendUvarint(append(to, field<<3|lengthDelimited), uint64(len(message)))
	return append(to, message...)
}

// addManagedFields adds what a real API server keeps of who wrote what: a fifth
// of an object's bytes or more.
func addManagedFields(object map[string]any) {
	metadata := object["metadata"].(map[string]any)
	var entries []any
	for manager, parts := range map[string][]string{"virt-controller": {"metadata", "spec"}, "virt-handler": {"status"}} {
		written := map[string]any{}
		for _, part := range parts {
			if value, ok := object[part]; ok {
				written[part] = value
			}
		}
		entries = append(entries, map[string]any{
			"manager": manager, "operation": "Update", "apiVersion": object["apiVersion"],
			"time": metadata["creationTimestamp"], "fieldsType": "FieldsV1", "fieldsV1": fieldsOf(written),
		})
	}
	metadata["managedFields"] = entries
}

// fieldsOf names the fields of a value, as structured-merge-diff does of a list
// that is replaced as a whole.
func fieldsOf(value any) map[string]any {
	fields := map[string]any{}
	m, ok := value.(map[string]any)
	if !ok {
		return fields
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		fields["f:"+key] = fieldsOf(m[key])
	}
	return fields
}
