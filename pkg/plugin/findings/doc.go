// Package findings holds what kubectl guest-metrics doctor can find. Each finding
// has a stable code. Messages, the JSON output, --ignore and docs/findings.md come
// from one table. The package knows nothing of how something is found.
package findings
