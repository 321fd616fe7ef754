package custom

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/handlers/negotiation"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/apiserver"

	"guest-metrics-server/pkg/evaluate"
)

// Answerer answers queries. The error is a evaluate.NotFoundError or a
// evaluate.BadQueryError.
type Answerer interface {
	Answer(evaluate.Query) ([]evaluate.Value, error)
}

// Handler answers the requests for metrics, of both versions. It expects to run
// behind authorization, with the RequestInfo that was authorized in the context.
type Handler struct {
	answerer Answerer
	requests *prometheus.CounterVec
}

// NewHandler returns a Handler.
func NewHandler(a Answerer) *Handler {
	return &Handler{answerer: a, requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "guest_metrics_server_requests_total",
		Help: "Requests by metric, resource and result; error means that no value was answered.",
	}, []string{"metric", "resource", "result"})}
}

// serve answers in one of the versions.
func (h *Handler) serve(version schema.GroupVersion, w http.ResponseWriter, r *http.Request) {
	info, ok := request.RequestInfoFrom(r.Context())
	if !ok {
		responsewriters.InternalError(w, r, errors.New("the request has no RequestInfo"))
		return
	}
	query, err := parse(info, r.URL.Query())
	var values []evaluate.Value
	if err == nil {
		values, err = h.answerer.Answer(query)
	}
	h.count(query, err)
	if err != nil {
		responsewriters.ErrorNegotiated(statusOf(err), apiserver.Codecs, version, w, r)
		return
	}
	responsewriters.WriteObjectNegotiated(apiserver.Codecs, negotiation.DefaultEndpointRestrictions, version, w, r,
		http.StatusOK, listOf(query, values), false)
}

// statusOf returns an error as the API's. It is 404 also for a value that is
// unknown for now: a 5xx would count as an error of the cluster's API server at
// each sync of each HPA.
func statusOf(err error) error {
	if bad, ok := errors.AsType[*evaluate.BadQueryError](err); ok {
		return apierrors.NewBadRequest(bad.Message)
	}
	status := metav1.Status{
		Status:  metav1.StatusFailure,
		Code:    http.StatusNotFound,
		Reason:  metav1.StatusReasonNotFound,
		Message: err.Error(),
	}
	if unknown, ok := errors.AsType[*evaluate.NotFoundError](err); ok && len(unknown.Causes) > 0 {
		status.Details = &metav1.StatusDetails{}
		for _, c := range unknown.Causes {
			status.Details.Causes = append(status.Details.Causes, metav1.StatusCause{
				Type: metav1.CauseType(c.Code), Message: fmt.Sprintf("%d: %s", c.Count, c.Example),
			})
		}
	}
	return &apierrors.StatusError{ErrStatus: status}
}

// count counts a request. What is not served counts as "other": its names come
// from clients.
func (h *Handler) count(q evaluate.Query, err error) {
	name, resource, result := "other", "other", "ok"
	if q.Metric != nil {
		name, resource = q.Metric.Name, q.Kind.GroupResource.String()
	}
	if err != nil {
		result = "error"
	}
	h.requests.WithLabelValues(name, resource, result).Inc()
}

// Describe implements prometheus.Collector.
func (h *Handler) Describe(ch chan<- *prometheus.Desc) { h.requests.Describe(ch) }

// Collect implements prometheus.Collector.
func (h *Handler) Collect(ch chan<- prometheus.Metric) { h.requests.Collect(ch) }
