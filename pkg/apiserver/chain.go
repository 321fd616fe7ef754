package apiserver

import (
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apifilters "k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/filters/impersonation"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
)

// handlerChain puts what every request passes before the API's handlers. It is
// genericapiserver.DefaultBuildHandlerChain with these differences:
//
//   - A URI that is too long is refused before anything looks into it.
//   - Each tenant has a share of the requests in work, taken before authorization,
//     which may ask the API server. The default has one limit for all.
//   - No filter cuts off a handler that takes too long. Ours compute from memory,
//     and what waits for the API server obeys the deadline in the context.
//   - What these handlers do not need is left out: CORS, warnings, watches, the
//     tracking of latencies for metrics that are not served, and the care for
//     APIs that are installed after serving began.
//
// The last filter named here sees a request first.
func (l *limits) handlerChain(api http.Handler, c *genericapiserver.Config) http.Handler {
	isLongRunning := c.LongRunningFunc
	unauthorized := apifilters.WithFailedAuthenticationAudit(apifilters.Unauthorized(c.Serializer), c.AuditBackend, c.AuditPolicyRuleEvaluator)

	h := apifilters.WithAuthorization(api, c.Authorization.Authorizer, c.Serializer)
	h = l.withShares(h, c)
	h = impersonation.WithImpersonation(h, c.Authorization.Authorizer, c.Serializer)
	h = apifilters.WithAudit(h, c.AuditBackend, c.AuditPolicyRuleEvaluator, isLongRunning)
	h = apifilters.WithAuthentication(h, c.Authentication.Authenticator, unauthorized, c.Authentication.APIAudiences, c.Authentication.RequestHeaderConfig)
	h = apifilters.WithRequestDeadline(h, c.AuditBackend, c.AuditPolicyRuleEvaluator, isLongRunning, c.Serializer, c.RequestTimeout)
	h = genericfilters.WithWaitGroup(h, isLongRunning, c.NonLongRunningRequestWaitGroup)
	h = apifilters.WithCacheControl(h)
	h = genericfilters.WithHTTPLogging(h)
	h = apifilters.WithRequestInfo(h, c.RequestInfoResolver)
	h = apifilters.WithRequestReceivedTimestamp(h)
	h = genericfilters.WithPanicRecovery(h, c.RequestInfoResolver)
	h = apifilters.WithAuditInit(h)
	h = l.withShortURI(h, c)
	return withServerLog(h)
}

// withShortURI refuses URIs that are too long.
func (l *limits) withShortURI(next http.Handler, c *genericapiserver.Config) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := len(r.RequestURI); n > maxURIBytes {
			l.rejected.WithLabelValues("uri_too_long").Inc()
			responsewriters.ErrorNegotiated(&apierrors.StatusError{ErrStatus: metav1.Status{
				Status:  metav1.StatusFailure,
				Code:    http.StatusRequestURITooLong,
				Reason:  metav1.StatusReasonBadRequest,
				Message: fmt.Sprintf("the request's URI has %d bytes, allowed are %d: use a shorter selector", n, maxURIBytes),
			}}, c.Serializer, schema.GroupVersion{}, w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
