package guesthttp

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// AnnotationPrefix begins the key of every annotation that this package reads.
const AnnotationPrefix = "guestmetrics.io/http-"

// The longest values that are read, in bytes.
const (
	maxPathBytes       = 1024
	maxServerNameBytes = 253 // DNS allows no more.
)

// settings lists what may follow AnnotationPrefix, in the order in which
// errors name them, and how each value gets into an Endpoint. An error says what
// is allowed.
var settings = []struct {
	name string
	set  func(e *Endpoint, value string) error
}{
	{"port", setPort},
	{"path", setPath},
	{"scheme", setScheme},
	{"format", setFormat},
	{"series", setSeries},
	{"server-name", setServerName},
	{"insecure-skip-verify", setSkipVerify},
}

// AnnotationError says which annotation is wrong, and what is allowed.
type AnnotationError struct {
	Annotation string // The whole key.
	Err        error  // Holds the value, cut, and the cure.
}

// Error returns a message for the annotation's author.
func (e *AnnotationError) Error() string {
	return fmt.Sprintf("annotation %.100s: %v", e.Annotation, e.Err)
}

// Unwrap returns Err.
func (e *AnnotationError) Unwrap() error { return e.Err }

// Annotated tells whether annotations speak of HTTP at all. If they do, they
// must make a whole Endpoint.
func Annotated(annotations map[string]string) bool {
	for key := range annotations {
		if strings.HasPrefix(key, AnnotationPrefix) {
			return true
		}
	}
	return false
}

// ParseAnnotations returns the Endpoint that annotations tell of. An annotation
// without a value is as good as none, and what is not told has its default. An
// error is an *AnnotationError: a port is missing, an annotation has a wrong
// value or name, or two of them contradict each other.
func ParseAnnotations(annotations map[string]string) (Endpoint, error) {
	if err := checkNames(annotations); err != nil {
		return Endpoint{}, err
	}
	e := Endpoint{Scheme: "http", Format: Auto}
	for _, a := range settings {
		value := annotations[AnnotationPrefix+a.name]
		if value == "" {
			continue
		}
		if err := a.set(&e, value); err != nil {
			return Endpoint{}, annotationError(a.name, value, err)
		}
	}
	if e.Path == "" {
		e.Path = defaultPaths[e.Format]
	}
	return e, e.check()
}

// checkNames finds annotations that nothing reads, which are spelling errors.
func checkNames(annotations map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		name, ours := strings.CutPrefix(key, AnnotationPrefix)
		if ours && !slices.Contains(annotationNames(), name) {
			return &AnnotationError{Annotation: key, Err: fmt.Errorf("there is no such annotation; after %s may follow %s",
				AnnotationPrefix, strings.Join(annotationNames(), ", "))}
		}
	}
	return nil
}

// check finds what is missing and what contradicts itself.
func (e Endpoint) check() error {
	switch https := e.Scheme == "https"; {
	case e.Port == 0:
		return annotationError("port", "", errors.New("the port of the status page is missing; set it to a number from 1 to 65535"))
	case e.Series != "" && e.Format != Auto && e.Format != Prometheus:
		return annotationError("series", e.Series, fmt.Errorf("only pages of format prometheus have series, and %sformat is %s: leave one of the two out", AnnotationPrefix, e.Format))
	case e.SkipVerify && !https:
		return annotationError("insecure-skip-verify", "true", fmt.Errorf("only https has certificates: leave it out, or set %sscheme to https", AnnotationPrefix))
	case https && e.ServerName == "" && !e.SkipVerify:
		return annotationError("server-name", "", fmt.Errorf("https needs the name that the guest's certificate is for: set it, or set %sinsecure-skip-verify to \"true\"", AnnotationPrefix))
	}
	return nil
}

func annotationError(name, value string, err error) error {
	if value != "" {
		err = fmt.Errorf("%.60q: %w", value, err)
	}
	return &AnnotationError{Annotation: AnnotationPrefix + name, Err: err}
}

func annotationNames() []string {
	names := make([]string, len(settings))
	for i, a := range settings {
		names[i] = a.name
	}
	return names
}

func setPort(e *Endpoint, value string) error {
	port, err := strconv.ParseUint(value, 10, 16)
	if err != nil || port == 0 {
		return errors.New("a port is a number from 1 to 65535")
	}
	e.Port = uint16(port)
	return nil
}

func setPath(e *Endpoint, value string) error {
	switch {
	case len(value) > maxPathBytes:
		return fmt.Errorf("a path has at most %d bytes", maxPathBytes)
	case value[0] != '/':
		return errors.New("a path begins with /, such as /metrics; scheme and port have annotations of their own")
	case strings.Contains(value, "#"):
		return errors.New("a path has no fragment: leave out # and what follows it")
	}
	for i := range len(value) {
		if c := value[i]; c <= ' ' || c > '~' {
			return errors.New("a path has only printable ASCII characters and no spaces: percent-encode the others, such as %20")
		}
		if value[i] == '%' && !isHexPair(value[i+1:]) {
			return errors.New("in a path two hexadecimal digits follow %: write %25 for % itself")
		}
	}
	e.Path = value
	return nil
}

func isHexPair(s string) bool {
	if len(s) < 2 {
		return false
	}
	_, err := strconv.ParseUint(s[:2], 16, 8)
	return err == nil
}

func setScheme(e *Endpoint, value string) error {
	if value != "http" && value != "https" {
		return errors.New("a scheme is http or https")
	}
	e.Scheme = value
	return nil
}

func setFormat(e *Endpoint, value string) error {
	if _, known := defaultPaths[Format(value)]; !known {
		return errors.New("a format is auto, nginx, apache or prometheus")
	}
	e.Format = Format(value)
	return nil
}

func setSeries(e *Endpoint, value string) error {
	if _, err := parseSelector(value); err != nil {
		return err
	}
	e.Series = value
	return nil
}

func setServerName(e *Endpoint, value string) error {
	if len(value) > maxServerNameBytes {
		return fmt.Errorf("a server's name has at most %d bytes", maxServerNameBytes)
	}
	for _, c := range value {
		if !isAlphanumeric(c) && c != '.' && c != '-' && c != '_' {
			return errors.New("a server's name is a DNS name such as www.example.com: letters, digits, - and ., without scheme and port")
		}
	}
	e.ServerName = value
	return nil
}

func isAlphanumeric(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func setSkipVerify(e *Endpoint, value string) error {
	if value != "true" && value != "false" {
		return errors.New(`allowed are "true" and "false"`)
	}
	e.SkipVerify = value == "true"
	return nil
}
