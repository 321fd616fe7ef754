package hpa

// group sorts the pods by how they count for a metric (replica_calculator.go,
// groupPods).
func (s *sync) group(metric Metric, values map[string]PodValue) Groups {
	var g Groups
	cpu := metric.Source != Pods && metric.Name == CPU
	for _, pod := range s.state.Pods {
		value, measured := values[pod.Name]
		switch {
		case pod.Deleting || pod.Phase == Failed || pod.Phase == Succeeded && s.IgnoreSucceeded:
			g.Ignored = append(g.Ignored, pod.Name)
		case pod.Phase == Pending:
			g.Unready = append(g.Unready, pod.Name)
		case !measured:
			g.Missing = append(g.Missing, pod.Name)
		case cpu && !s.initialized(pod, value):
			g.Unready = append(g.Unready, pod.Name)
		default:
			g.Ready = append(g.Ready, pod.Name)
		}
	}
	return g
}

// initialized reports whether a pod's CPU usage is that of its work, and not of
// its start. Within CPUInitializationPeriod that takes a pod that is Ready, and a
// value measured wholly since it became so; later, one that is Ready or has ever
// been.
func (s *sync) initialized(pod Pod, value PodValue) bool {
	if pod.Ready.Status == "" || pod.Started.IsZero() {
		return false
	}
	if pod.Started.Add(s.CPUInitializationPeriod).After(s.state.Now) {
		return pod.Ready.Status != False && !value.Timestamp.Before(pod.Ready.Transition.Add(value.Window))
	}
	return pod.Ready.Status != False || !pod.Started.Add(s.InitialReadinessDelay).After(pod.Ready.Transition)
}

// readyPods counts the pods that a target of Value multiplies by: not those with a
// value, but those that are Running and Ready (replica_calculator.go,
// getReadyPodsCount).
func (s *sync) readyPods() int {
	ready := 0
	for _, pod := range s.state.Pods {
		if pod.Phase == Running && pod.Ready.Status == True {
			ready++
		}
	}
	return ready
}
