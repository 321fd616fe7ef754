// Package apiserver serves the custom metrics API: it puts a provider behind
// the API-server library with delegated authentication and authorization, and
// adds what that library leaves out: discovery in every form, readiness that
// means something, and the server's own metrics. It knows no formulas.
package apiserver
