package simulate

import (
	"time"

	"guest-metrics-server/pkg/hpa"
)

// syncPeriod is that of the HPA controller.
const syncPeriod = 15 * time.Second

// Moment is one sync of the HPA, and what led to it.
type Moment struct {
	At       time.Duration
	Demand   float64       // as Config.Demand has it
	Working  int           // guests that share the demand
	Paused   int           // guests that are paused
	Down     int           // guests whose node is down
	Leaving  int           // guests that shut down
	Readings []hpa.Reading // what the server answered, of each metric
	Before   int32         // replicas
	Replicas int32         // that the HPA decided on
	Decision hpa.Decision
	Events   []string // since the sync before
}

// Run simulates, and returns each sync of the HPA.
func Run(config Config) []Moment {
	c := newCluster(config)
	phase := c.between(0, syncPeriod)
	moments := make([]Moment, 0, config.Duration/syncPeriod+1)
	replicas := config.HPA.Replicas
	var memory hpa.Memory
	for c.at < config.Duration {
		c.step()
		if c.at%syncPeriod != phase {
			continue
		}
		m := Moment{At: c.at, Demand: c.Demand(c.at), Before: replicas, Events: c.events}
		c.events = nil
		state := hpa.State{Now: c.now(), SpecReplicas: replicas, StatusReplicas: replicas}
		for _, g := range c.guests {
			state.Pods = g.hpaPods(state.Pods)
			switch {
			case g.works(c.at):
				m.Working++
			case g.vmi.Deleting:
				m.Leaving++
			case g.dead:
				m.Down++
			case c.at < g.paused:
				m.Paused++
			}
		}
		for i, metric := range config.HPA.Spec.Metrics {
			m.Readings = append(m.Readings, c.server.ask(metric, config.HPA.Selectors[i]))
		}
		state.Readings = m.Readings
		m.Decision = config.HPA.Controller.Sync(config.HPA.Spec, state, &memory)
		m.Replicas = m.Decision.Replicas
		if replicas != m.Replicas {
			replicas = m.Replicas
			c.scale(int(replicas))
		}
		moments = append(moments, m)
	}
	return moments
}
