// Package app turns options into a running server: it validates what the flags
// say, wires the packages together, and owns every goroutine until the end. It
// knows every other package, and none knows it. It holds no formulas.
package app
