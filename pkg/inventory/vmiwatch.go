package inventory

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

const vmisPath = "/apis/kubevirt.io/v1/virtualmachineinstances"

// maxEventBytes bounds an event of a watch. etcd takes objects of 1.5 MiB, and
// JSON writes a byte of theirs as six at most.
const maxEventBytes = 16 << 20

// lenient leaves out checks that take time: the API server writes sound JSON.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// listWatchVMIs lists and watches VMIs as vmiObjects. It decodes itself, since
// there may be 100,000 VMIs of 10 kB and client-go goes through each four times.
func listWatchVMIs(client rest.Interface) *cache.ListWatch {
	stream := func(ctx context.Context, o metav1.ListOptions) (io.ReadCloser, error) {
		return client.Get().AbsPath(vmisPath).SetHeader("Accept", runtime.ContentTypeJSON).
			VersionedParams(&o, metav1.ParameterCodec).Stream(ctx)
	}
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			body, err := stream(ctx, o)
			if err != nil {
				return nil, err
			}
			defer body.Close()
			return decodeVMIList(body)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.Watch = true
			body, err := stream(ctx, o)
			if err != nil {
				return nil, err
			}
			reporter := apierrors.NewClientErrorReporter(http.StatusInternalServerError, http.MethodGet, "ClientWatchDecoding")
			return watch.NewStreamWatcherWithLogger(klog.FromContext(ctx), newVMIDecoder(body), reporter), nil
		},
	}
}

// decodeVMIList returns a list, or a part of one.
func decodeVMIList(r io.Reader) (runtime.Object, error) {
	var in struct {
		Metadata metav1.ListMeta `json:"metadata"`
		Items    []vmiObject     `json:"items"`
	}
	if err := json.UnmarshalRead(r, &in, lenient); err != nil {
		return nil, fmt.Errorf("decode a list of VMIs: %w", err)
	}
	list := &internalversion.List{ListMeta: in.Metadata, Items: make([]runtime.Object, len(in.Items))}
	for i := range in.Items {
		list.Items[i] = &in.Items[i]
	}
	return list, nil
}

// vmiDecoder reads the events of a watch. The API server writes each of them on
// a line of its own.
type vmiDecoder struct {
	body  io.Closer
	lines *bufio.Scanner
}

func newVMIDecoder(body io.ReadCloser) *vmiDecoder {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 64<<10), maxEventBytes)
	lines.Split(wholeLines)
	return &vmiDecoder{body, lines}
}

// wholeLines splits as bufio.ScanLines does, but for a last line that is cut off.
func wholeLines(data []byte, atEOF bool) (advance int, line []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return 0, nil, nil
}

// Decode returns the next event: with a *vmiObject, of which a bookmark has the
// metadata alone, or with a *metav1.Status. The error is io.EOF when the API
// server ended the watch, and io.ErrUnexpectedEOF within an event.
func (d *vmiDecoder) Decode() (watch.EventType, runtime.Object, error) {
	if d.lines.Scan() {
		return decodeEvent(d.lines.Bytes())
	}
	switch err := d.lines.Err(); {
	case err == nil:
		return "", nil, io.EOF
	case errors.Is(err, bufio.ErrTooLong):
		return "", nil, fmt.Errorf("a VMI's event has more than %d bytes", maxEventBytes)
	default:
		return "", nil, err // As it is: StreamWatcher compares.
	}
}

// Close ends the watch.
func (d *vmiDecoder) Close() { _ = d.body.Close() }

func decodeEvent(line []byte) (watch.EventType, runtime.Object, error) {
	var e struct {
		Type   watch.EventType `json:"type"`
		Object vmiObject       `json:"object"`
	}
	err := json.Unmarshal(line, &e, lenient)
	switch e.Type {
	case watch.Error: // Its object is no VMI, as err says.
		return decodeFailure(line)
	case watch.Added, watch.Modified, watch.Deleted, watch.Bookmark:
		if err == nil {
			return e.Type, &e.Object, nil
		}
	default:
		if err == nil {
			err = fmt.Errorf("unknown type %q", e.Type)
		}
	}
	return "", nil, fmt.Errorf("decode a VMI's event: %w", err)
}

func decodeFailure(line []byte) (watch.EventType, runtime.Object, error) {
	var e struct {
		Object metav1.Status `json:"object"`
	}
	if err := json.Unmarshal(line, &e, lenient); err != nil {
		return "", nil, fmt.Errorf("decode a failure of a watch of VMIs: %w", err)
	}
	return watch.Error, &e.Object, nil
}
