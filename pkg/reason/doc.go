// Package reason holds the reasons for which a value is unknown. An autoscaler
// must never take "unknown" for zero, and a person must learn why. So the API's
// errors, the server's own metrics, its log and the documentation use the codes
// of one table. The package knows nothing of how a reason is found.
package reason
