package api

import (
	"math"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Quantity returns a value in the form of an answer, in thousandths. What a guest
// claims may be beyond all numbers.
func Quantity(value float64) resource.Quantity {
	const limit = math.MaxInt64 / 2 // So large that it makes no difference, and exact enough.
	return *resource.NewMilliQuantity(int64(math.Round(min(1000*value, limit))), resource.DecimalSI)
}
