// Package plugin is the command line of kubectl guest-metrics. In go arguments; out
// come what its verbs print, and an exit code. It holds the root command; each verb
// is a package below it, which makes its own cobra command of a client.Factory. No
// verb knows another one, and all see the cluster with the caller's rights only.
package plugin
