package source

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"sync"
	"time"

	"guest-metrics-server/pkg/domainstats"
	"guest-metrics-server/pkg/inventory"
)

// TargetStatus says how the scrapes of a node's virt-handler went.
type TargetStatus struct {
	Node, URL   string
	Tried       bool          // At least one scrape has ended. The rest is of scrapes.
	Last        time.Time     // When the last one began.
	LastSuccess time.Time     // When the last one that succeeded began, zero without one.
	Duration    time.Duration // Of the last one.
	Err         error         // Of the last one, nil when it succeeded.
	VMIs        int           // In the last response that was read.
	Partly      error         // What could not be read of that response, nil when all could.
}

// Targets returns the status of each node's virt-handler, in the order of the
// nodes' names.
func (s *VirtHandlers) Targets() []TargetStatus {
	targets := s.kubevirt.Targets()
	statuses := make([]TargetStatus, len(targets))
	for i, t := range targets {
		status, _ := s.status(t.Node)
		last := s.responses.of(t.Node)
		statuses[i] = TargetStatus{
			Node: t.Node, URL: urlOf(t), Tried: status.Tries() > 0,
			Last: status.Last, LastSuccess: status.LastSuccess, Duration: status.Duration, Err: status.Err,
			VMIs: last.vmis, Partly: last.partly,
		}
	}
	return statuses
}

func urlOf(t inventory.Target) string {
	return "https://" + net.JoinHostPort(t.IP, strconv.Itoa(int(t.Port))) + "/metrics"
}

// responses holds a summary of each node's last response. The zero value is empty.
type responses struct {
	mu     sync.Mutex
	ofNode map[string]response
}

type response struct {
	vmis   int
	partly error
}

func (r *responses) of(node string) response {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ofNode[node]
}

func (r *responses) take(node string, decoded domainstats.Response) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ofNode == nil {
		r.ofNode = make(map[string]response)
	}
	r.ofNode[node] = response{len(decoded.Samples), unread(decoded)}
}

// prune forgets the nodes that have no virt-handler any more.
func (r *responses) prune(targets []inventory.Target) {
	nodes := make(map[string]bool, len(targets))
	for _, t := range targets {
		nodes[t.Node] = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.ofNode, func(node string, _ response) bool { return !nodes[node] })
}

// unread says what could not be read of a response, nil when all could.
func unread(r domainstats.Response) error {
	var errs []error
	if r.Malformed > 0 {
		errs = append(errs, fmt.Errorf("%d lines could not be read, the first: %w", r.Malformed, r.Problem))
	}
	if len(r.Oversized) > 0 {
		first := r.Oversized[0]
		errs = append(errs, fmt.Errorf("%d kinds of series were too large to be read, the first of %s/%s: %s", len(r.Oversized), first.Namespace, first.Name, first.Why()))
	}
	return errors.Join(errs...)
}
