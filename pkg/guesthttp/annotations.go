package guesthttp

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// AnnotationPrefix is the prefix of the keys of all annotations that this package reads.
const AnnotationPrefix = "guestmetrics.io/http-"

// The longest values that are accepted.
const (
	maxPathBytes       = 1024
	maxServerNameBytes = 253 // The limit of DNS.
)

// settings lists the names that may follow AnnotationPrefix, in the order in
// which errors list them, and the functions that set the values in an Endpoint.
// The errors of these functions say what is allowed.
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

// AnnotationError says which annotation is wrong and what is allowed.
type AnnotationError struct {
	Annotation string // The whole key.
	Err        error  // Contains the value, truncated, and the cure.
}

// Error returns a message for the author of the annotation.
func (e *AnnotationError) Error() string {
	return fmt.Sprintf("annotation %.100s: %v", e.Annotation, e.Err)
}

// Unwrap returns Err.
func (e *AnnotationError) Unwrap() error { return e.Err }

// Annotated reports whether there is any annotation for this package. If there
// is, the annotations must describe a complete Endpoint.
func Annotated(annotations map[string]string) bool {
	for key := range annotations {
		if strings.HasPrefix(key, AnnotationPrefix) {
			return true
		}
	}
	return false
}

// ParseAnnotations returns the Endpoint that annotations describe. An annotation
// with an empty value counts as missing, and all but the port have defaults. An
// error is an *AnnotationError: the port is missing, a name or a value is wrong,
// or two annotations contradict each other.
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
		e.Path = e.Format.defaultPath()
	}
	return e, e.check()
}

// checkNames returns an error if an annotation has an unknown name, such as a misspelt one.
func checkNames(annotations map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		name, ours := strings.CutPrefix(key, AnnotationPrefix)
		if ours && !slices.Contains(annotationNames(), name) {
			return &AnnotationError{Annotation: key, Err: fmt.Errorf("there is no such annotation; %s can be followed by %s",
				AnnotationPrefix, orList(annotationNames()))}
		}
	}
	return nil
}

// check returns an error if something is missing or contradictory.
func (e Endpoint) check() error {
	switch https := e.Scheme == "https"; {
	case e.Port == 0:
		return annotationError("port", "", errors.New("the port of the status page is missing; set it to a number from 1 to 65535"))
	case e.Series != "" && e.Format != Auto && e.Format != Prometheus:
		return annotationError("series", e.Series, fmt.Errorf("only status pages of format prometheus have series, and %sformat is %s: remove one of the two", AnnotationPrefix, e.Format))
	case e.SkipVerify && !https:
		return annotationError("insecure-skip-verify", "true", fmt.Errorf("only https has certificates: remove it, or set %sscheme to https", AnnotationPrefix))
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
		return errors.New("a path has no fragment: remove # and everything after it")
	}
	for i := range len(value) {
		if c := value[i]; c <= ' ' || c > '~' {
			return errors.New("a path has only printable ASCII characters and no spaces: percent-encode the others, such as %20")
		}
		if value[i] == '%' && !isHexPair(value[i+1:]) {
			return errors.New("in a path, % is followed by two hexadecimal digits: write %25 for % itself")
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
	if !Format(value).known() {
		return fmt.Errorf("a format is %s", orList(formatNames()))
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
		return fmt.Errorf("a server name has at most %d bytes", maxServerNameBytes)
	}
	for _, c := range value {
		if !isAlphanumeric(c) && c != '.' && c != '-' && c != '_' {
			return errors.New("a server name is a DNS name such as www.example.com: letters, digits, - and ., without scheme and port")
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
		return errors.New(`use "true" or "false"`)
	}
	e.SkipVerify = value == "true"
	return nil
}
