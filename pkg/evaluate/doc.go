// Package evaluate answers queries: which VMIs does an object stand for
// (inventory), what is known of them (history), and what is the metric's value
// (metric). It judges what counts and what is too old, and puts into words why a
// value is unknown. It knows neither HTTP nor API types.
package evaluate
