// Command bench measures guest-metrics-server: it builds the server of this
// repository, runs it as a process of its own against a simulated fleet
// (test/fleet, which says what is simulated), and prints tables in Markdown.
// It takes about 20 minutes of two cores. `go test -bench .` in this directory
// has the benchmarks of single steps, against others' libraries.
//
// How things are measured:
//   - CPU time is the server's own, from /proc. That of the fleet and of the API
//     stub is not in it.
//   - RSS is read from /proc, heap from the server's /metrics. They are taken
//     when the fleet has been scraped for some rounds. The peak is that of the
//     start, when all objects are read.
//   - Queries ask as the HPA controller does: one metric of a pool's pods by
//     label selector, in protobuf, over HTTP/2 and TLS, one after another. The age
//     of data is what the answers' timestamps say when they arrive.
//   - Missed rounds are responses that should have been scraped within a whole number
//     of intervals and were not.
package main
