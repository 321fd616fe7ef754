package main

import (
	"bufio"
	"bytes"
	stdgzip "compress/gzip"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/klauspost/compress/gzip"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/encoding/protowire"

	"guest-metrics-server/pkg/domainstats"
	"guest-metrics-server/pkg/series"
)

// BenchmarkForms sends and receives one response in each form that virt-handler can
// be asked for. Sending is what promhttp does after all is gathered: it compresses with
// the standard library at its default level, also in KubeVirt.
func BenchmarkForms(b *testing.B) {
	text := newText(b)
	families := parse(b, text)
	values, err := receiveText(bytes.NewReader(text))
	if err != nil {
		b.Fatal(err)
	}

	plain, delimited := expfmt.NewFormat(expfmt.TypeTextPlain), expfmt.NewFormat(expfmt.TypeProtoDelim)
	receiveProtobuf := newProtobufReceiver()
	senders := []struct {
		name       string
		format     expfmt.Format
		compressor *stdgzip.Writer
	}{
		{"text-identity", plain, nil},
		{"text-gzip", plain, stdgzip.NewWriter(nil)},
		{"protobuf-identity", delimited, nil},
		{"protobuf-gzip", delimited, stdgzip.NewWriter(nil)},
	}
	wire := make(map[string][]byte)
	for _, s := range senders {
		var sent bytes.Buffer
		send := func() {
			sent.Reset()
			if err := sendResponse(&sent, families, s.format, s.compressor); err != nil {
				b.Fatal(err)
			}
		}
		send()
		wire[s.name] = bytes.Clone(sent.Bytes())
		b.Run("send/"+s.name, func(b *testing.B) {
			perResponse(b, len(text), send)
			b.ReportMetric(float64(sent.Len()), "wire-bytes")
		})
	}

	receivers := []struct {
		name, form   string
		decompressor decompressor
		receive      func(io.Reader) (int, error)
	}{
		{"text-identity", "text-identity", nil, receiveText},
		{"text-gzip", "text-gzip", new(gzip.Reader), receiveText},
		{"text-gzip-std", "text-gzip", new(stdgzip.Reader), receiveText},
		{"protobuf-identity", "protobuf-identity", nil, receiveProtobuf},
		{"protobuf-gzip", "protobuf-gzip", new(gzip.Reader), receiveProtobuf},
	}
	for _, r := range receivers {
		b.Run("receive/"+r.name, func(b *testing.B) {
			perResponse(b, len(text), func() {
				got, err := receiveResponse(wire[r.form], r.decompressor, r.receive)
				if err != nil || got != values {
					b.Fatalf("%d values of %d: %v", got, values, err)
				}
			})
			b.ReportMetric(float64(len(wire[r.form])), "wire-bytes")
		})
	}
}

// parse returns the families of a response in the order in which a registry gathers them.
func parse(b *testing.B, text []byte) []*dto.MetricFamily {
	b.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	byName, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		b.Fatal(err)
	}
	var families []*dto.MetricFamily
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		families = append(families, byName[name])
	}
	return families
}

// sendResponse encodes the families, and compresses them if there is a compressor.
func sendResponse(to *bytes.Buffer, families []*dto.MetricFamily, format expfmt.Format, compressor *stdgzip.Writer) error {
	var w io.Writer = struct{ io.Writer }{to} // Hides the buffer from expfmt, which sees a response there.
	if compressor != nil {
		compressor.Reset(w)
		w = compressor
	}
	encoder := expfmt.NewEncoder(w, format)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return err
		}
	}
	if compressor != nil {
		return compressor.Close()
	}
	return nil
}

type decompressor interface {
	io.Reader
	Reset(io.Reader) error
}

func receiveResponse(wire []byte, decompressor decompressor, receive func(io.Reader) (int, error)) (values int, err error) {
	if decompressor == nil {
		return receive(bytes.NewReader(wire))
	}
	if err := decompressor.Reset(bytes.NewReader(wire)); err != nil {
		return 0, err
	}
	return receive(decompressor)
}

func receiveText(r io.Reader) (values int, err error) {
	response, err := domainstats.Decode(r)
	for _, s := range response.Samples {
		values += len(s.Values)
	}
	return values, errors.Join(err, response.Problem)
}

// newProtobufReceiver returns a function that counts the values which
// domainstats.Decode would take. Families that we do not read are skipped, and
// the buffer holds any family, so that protodelim need not copy it.
func newProtobufReceiver() func(io.Reader) (int, error) {
	wanted := series.VirtHandlerFamilies()
	buffer := bufio.NewReaderSize(nil, 1<<20)
	var family dto.MetricFamily
	return func(r io.Reader) (values int, err error) {
		buffer.Reset(r)
		for {
			name, size, err := peekFamily(buffer)
			if errors.Is(err, io.EOF) {
				return values, nil
			}
			if err != nil {
				return 0, err
			}
			if _, ok := wanted[string(name)]; !ok {
				_, err = buffer.Discard(size)
			} else {
				err = protodelim.UnmarshalOptions{MaxSize: -1}.UnmarshalFrom(buffer, &family)
				values += countValues(&family)
			}
			if err != nil {
				return 0, err
			}
		}
	}
}

// peekFamily returns the name of the next family, which is its first field, and
// the family's size on the wire.
func peekFamily(r *bufio.Reader) (name []byte, size int, err error) {
	head, err := r.Peek(256)
	if len(head) == 0 {
		return nil, 0, err
	}
	length, n := protowire.ConsumeVarint(head)
	if n < 0 {
		return nil, 0, protowire.ParseError(n)
	}
	const tag = 1
	name, nameSize := protowire.ConsumeBytes(head[n+tag:])
	if nameSize < 0 {
		return nil, 0, protowire.ParseError(nameSize)
	}
	return name, n + int(length), nil
}

func countValues(family *dto.MetricFamily) (values int) {
	for _, metric := range family.GetMetric() {
		var namespace, name bool
		for _, label := range metric.GetLabel() {
			switch label.GetName() {
			case "namespace":
				namespace = label.GetValue() != ""
			case "name":
				name = label.GetValue() != ""
			}
		}
		value := metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
		if namespace && name && value >= 0 {
			values++
		}
	}
	return values
}
