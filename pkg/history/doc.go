// Package history keeps the recent samples of each VMI and computes rates over
// them: it notices counters that were reset, vCPUs that come and go, and VMIs
// that moved to another node. In go samples with the time they were taken at;
// out come gauges and rates with their true time and span. It does no I/O,
// reads no clock, and does not know which metrics are served.
package history
