// Package provider answers the questions of the custom metrics API: which VMIs
// does an object stand for (inventory), what is known of them (history), and
// what is the metric's value (metric). It judges what counts and what is too
// old, and puts into words why a value is unknown. It knows nothing of HTTP.
package provider
