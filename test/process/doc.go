// Package process runs child processes for the local cluster and for tests: in
// come commands, out come children that are awaited, watched and stopped, and
// that the kernel ends with us whatever happens. It must not know what it runs.
package process
