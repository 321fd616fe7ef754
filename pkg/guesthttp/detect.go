package guesthttp

import (
	"bytes"
	"errors"
	"fmt"
)

// detect returns the format of a response by its head. An error says what the
// response is instead, if it does not have the wanted format, and the cure.
func detect(head []byte, want Format) (*formatSpec, error) {
	text := bytes.TrimSpace(head)
	if len(text) == 0 {
		return nil, errors.New("the response is empty: correct the path or the server's configuration")
	}
	for i := range formats {
		spec := &formats[i]
		if !spec.detect(text) {
			continue
		}
		if want != Auto && want != spec.name {
			return nil, fmt.Errorf("the status page has the format %s, not %s: correct the path, or set the annotation %sformat to %s",
				spec.name, want, AnnotationPrefix, spec.name)
		}
		return spec, nil
	}
	return nil, unknownFormat(text)
}

// unknownFormat returns an error for a response that no format detects.
func unknownFormat(text []byte) error {
	if isModStatusHTML(text) {
		return errors.New("the response is the HTML form of Apache's mod_status: add ?auto to the path")
	}
	kind := "in no known format"
	switch text[0] {
	case '<':
		kind = "HTML or XML"
	case '[', '{':
		kind = "JSON"
	}
	return fmt.Errorf("the response is %s, it begins with %.40q: correct the path; %s", kind, text, expected())
}
