package api

import (
	"fmt"

	"k8s.io/apimachinery/pkg/labels"
)

// The bounds of a selector. An HPA's has a few labels; what is beyond these only
// costs the server time, which other tenants' requests need.
const (
	maxSelectorBytes = 8 << 10
	maxRequirements  = 64
	maxValues        = 256 // Of all requirements together.
)

// ParseSelector returns the selector that a client has sent, or what is wrong
// with it and what is allowed.
func ParseSelector(text string) (labels.Selector, error) {
	if len(text) > maxSelectorBytes {
		return nil, fmt.Errorf("it has %d bytes, allowed are %d: use fewer requirements", len(text), maxSelectorBytes)
	}
	selector, err := labels.Parse(text)
	if err != nil {
		return nil, err
	}
	return selector, CheckSelector(selector)
}

// CheckSelector returns an error when a selector asks for too much. It is for one
// that has been parsed already.
func CheckSelector(selector labels.Selector) error {
	requirements, _ := selector.Requirements()
	total := 0
	for _, r := range requirements {
		total += len(r.ValuesUnsorted())
	}
	if len(requirements) > maxRequirements || total > maxValues {
		return fmt.Errorf("it has %d requirements with %d values, allowed are %d with %d", len(requirements), total, maxRequirements, maxValues)
	}
	return nil
}
