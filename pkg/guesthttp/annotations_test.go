package guesthttp

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// annotated puts the prefix before the keys, given as "key=value".
func annotated(pairs ...string) map[string]string {
	all := map[string]string{"example.com/owner": "us", "guestmetrics.io/warmup": "3m"}
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		all[AnnotationPrefix+key] = value
	}
	return all
}

func TestParseAnnotations(t *testing.T) {
	for _, test := range []struct {
		name        string
		annotations map[string]string
		want        Endpoint
	}{
		{"a port is enough", annotated("port=9090"), Endpoint{Scheme: "http", Port: 9090, Path: "/metrics", Format: Auto}},
		{"default path of nginx", annotated("port=80", "format=nginx"), Endpoint{Scheme: "http", Port: 80, Path: "/stub_status", Format: Nginx}},
		{"default path of Apache", annotated("port=80", "format=apache"), Endpoint{Scheme: "http", Port: 80, Path: "/server-status?auto", Format: Apache}},
		{"default path of Prometheus", annotated("port=80", "format=prometheus"), Endpoint{Scheme: "http", Port: 80, Path: "/metrics", Format: Prometheus}},
		{
			"all annotations",
			annotated("port=8443", "path=/a%20b?x=1&y", "scheme=https", "format=prometheus", `series=reqs{code!~"5.."}`, "server-name=www.example.com", "insecure-skip-verify=false"),
			Endpoint{Scheme: "https", Port: 8443, Path: "/a%20b?x=1&y", Format: Prometheus, Series: `reqs{code!~"5.."}`, ServerName: "www.example.com"},
		},
		{"any certificate", annotated("port=443", "scheme=https", "insecure-skip-verify=true"), Endpoint{Scheme: "https", Port: 443, Path: "/metrics", Format: Auto, SkipVerify: true}},
		{"a series without a format", annotated("port=80", "series=reqs"), Endpoint{Scheme: "http", Port: 80, Path: "/metrics", Format: Auto, Series: "reqs"}},
		{"a virtual host without TLS", annotated("port=80", "server-name=status.local"), Endpoint{Scheme: "http", Port: 80, Path: "/metrics", Format: Auto, ServerName: "status.local"}},
		{"an empty value counts as missing", annotated("port=80", "path=", "series=", "format=", "scheme="), Endpoint{Scheme: "http", Port: 80, Path: "/metrics", Format: Auto}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseAnnotations(test.annotations)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if _, err := NewDecoder(got); err != nil {
				t.Errorf("NewDecoder: %v", err)
			}
		})
	}
}

func TestParseAnnotationsSaysWhatIsWrongAndWhatIsAllowed(t *testing.T) {
	const prefix = "annotation guestmetrics.io/http-"
	for _, test := range []struct {
		name        string
		annotations map[string]string
		want        string
	}{
		{"no port", annotated("path=/metrics"), prefix + "port: the port of the status page is missing; set it to a number from 1 to 65535"},
		{"port 0", annotated("port=0"), prefix + `port: "0": a port is a number from 1 to 65535`},
		{"port 70000", annotated("port=70000"), prefix + `port: "70000": a port is a number from 1 to 65535`},
		{"port by name", annotated("port=http"), prefix + `port: "http": a port is a number from 1 to 65535`},
		{"port with a blank", annotated("port= 80"), prefix + `port: " 80": a port is a number from 1 to 65535`},
		{"path without /", annotated("port=80", "path=metrics"), prefix + `path: "metrics": a path begins with /, such as /metrics; scheme and port have annotations of their own`},
		{"path with scheme", annotated("port=80", "path=http://10.0.0.1/"), prefix + `path: "http://10.0.0.1/": a path begins with /, such as /metrics; scheme and port have annotations of their own`},
		{"path with fragment", annotated("port=80", "path=/a#b"), prefix + `path: "/a#b": a path has no fragment: remove # and everything after it`},
		{"path with space", annotated("port=80", "path=/a b"), prefix + `path: "/a b": a path has only printable ASCII characters and no spaces: percent-encode the others, such as %20`},
		{"path with control character", annotated("port=80", "path=/a\r\nHost: b"), prefix + `path: "/a\r\nHost: b": a path has only printable ASCII characters and no spaces: percent-encode the others, such as %20`},
		{"path with half an escape", annotated("port=80", "path=/100%"), prefix + `path: "/100%": in a path, % is followed by two hexadecimal digits: write %25 for % itself`},
		{"path too long", annotated("port=80", "path=/"+strings.Repeat("a", 1024)), prefix + `path: "/` + strings.Repeat("a", 59) + `": a path has at most 1024 bytes`},
		{"scheme", annotated("port=80", "scheme=HTTPS"), prefix + `scheme: "HTTPS": a scheme is http or https`},
		{"format", annotated("port=80", "format=json"), prefix + `format: "json": a format is auto, nginx, apache or prometheus`},
		{"series of nginx", annotated("port=80", "format=nginx", "series=reqs"), prefix + `series: "reqs": only status pages of format prometheus have series, and guestmetrics.io/http-format is nginx: remove one of the two`},
		{"broken selector", annotated("port=80", "series=reqs{"), prefix + `series: "reqs{": position 6, at the end: the name of a label is missing; matchers look like code="200"`},
		{"server name with port", annotated("port=80", "server-name=a:80"), prefix + `server-name: "a:80": a server name is a DNS name such as www.example.com: letters, digits, - and ., without scheme and port`},
		{"server name too long", annotated("port=80", "server-name="+strings.Repeat("a", 254)), prefix + `server-name: "` + strings.Repeat("a", 60) + `": a server name has at most 253 bytes`},
		{"https without a name", annotated("port=443", "scheme=https"), prefix + `server-name: https needs the name that the guest's certificate is for: set it, or set guestmetrics.io/http-insecure-skip-verify to "true"`},
		{"no bool", annotated("port=443", "scheme=https", "insecure-skip-verify=yes"), prefix + `insecure-skip-verify: "yes": use "true" or "false"`},
		{"any certificate of http", annotated("port=80", "insecure-skip-verify=true"), prefix + `insecure-skip-verify: "true": only https has certificates: remove it, or set guestmetrics.io/http-scheme to https`},
		{"spelling", annotated("port=80", "serie=reqs"), prefix + `serie: there is no such annotation; guestmetrics.io/http- can be followed by port, path, scheme, format, series, server-name or insecure-skip-verify`},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, err := ParseAnnotations(test.annotations)
			if err == nil {
				t.Fatalf("got %+v and no error", e)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			wrong, ok := errors.AsType[*AnnotationError](err)
			if !ok || !strings.HasPrefix(wrong.Annotation, AnnotationPrefix) {
				t.Errorf("the error is %#v and not an *AnnotationError with the whole key", err)
			}
		})
	}
}

func TestAnnotatedLooksForThePrefix(t *testing.T) {
	if Annotated(annotated()) || Annotated(nil) {
		t.Error("got true without any annotation of HTTP")
	}
	if !Annotated(annotated("prot=80")) {
		t.Error("got false with an annotation of HTTP that is misspelt")
	}
}

func TestURLHasTheGuestsAddress(t *testing.T) {
	for _, test := range []struct{ ip, path, want string }{
		{"10.1.2.3", "/server-status?auto", "http://10.1.2.3:8080/server-status?auto"},
		{"fd00::1", "/metrics", "http://[fd00::1]:8080/metrics"},
		{"10.1.2.3", "//example.com/@example.com:80/", "http://10.1.2.3:8080//example.com/@example.com:80/"},
	} {
		e, err := ParseAnnotations(annotated("port=8080", "path="+test.path))
		if err != nil {
			t.Fatal(err)
		}
		got := e.URL(test.ip)
		if got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
		parsed, err := url.Parse(got)
		if err != nil || parsed.Hostname() != test.ip || parsed.Port() != "8080" {
			t.Errorf("%s leads to %v, %v", got, parsed, err)
		}
	}
}
