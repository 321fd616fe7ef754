// Package api holds what an API package and the server that serves it agree on.
// A package below it translates between an API and package evaluate, and knows
// no rule.
package api
