// Package apiserver serves APIs: it puts handlers behind the API-server library
// with delegated authentication and authorization, keeps one tenant's requests
// from delaying another's, and adds discovery in every form, readiness that means
// something, and the server's own metrics. It knows no formulas.
package apiserver
