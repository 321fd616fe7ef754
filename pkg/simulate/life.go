package simulate

import "guest-metrics-server/pkg/inventory"

// live lets each guest become what it is to be by now.
func (c *cluster) live() {
	kept := c.guests[:0]
	for _, g := range c.guests {
		switch {
		case g.vmi.Deleting && c.at >= g.gone:
			c.forget(g)
			c.server.store.DeleteObject(inventory.VMs, namespace, g.vmi.Owner.Name)
			continue
		case g.vmi.Phase == "Failed":
			c.forget(g) // The VM starts another VMI of the name.
			g = c.newVMI(g.vmi.Name)
			c.announce(g)
		case g.vmi.Phase == "Scheduling" && c.at >= g.running:
			g.vmi.Phase, g.vmi.RunningSince, g.vmi.ReadyTransition = "Running", c.now(), c.now()
			g.pods[0].Phase = "Running"
			g.cache.at = c.at
			c.announce(g)
		case g.vmi.Phase == "Running" && !g.vmi.Ready && c.at >= g.ready:
			g.vmi.Ready, g.vmi.ReadyTransition = true, c.now()
			c.announce(g)
		case g.vmi.Paused && c.at >= g.paused:
			g.vmi.Paused = false
			c.announce(g)
		case g.migrates > 0 && g.dead:
			g.migrates = 0 // It has failed.
			c.server.store.DeletePod(namespace, g.pods[len(g.pods)-1].Name)
			g.pods = g.pods[:len(g.pods)-1]
		case g.migrates > 0 && c.at >= g.migrates:
			c.handOver(g)
		}
		kept = append(kept, g)
	}
	c.guests = kept
	for _, n := range c.nodes {
		if n.down > 0 && c.at >= n.down {
			n.down = 0
			c.revive(n)
		}
	}
}

// handOver ends a migration: the API names the new node, and a new QEMU counts.
func (c *cluster) handOver(g *guest) {
	const maxFinished = 5 // kept by KubeVirt
	target := &g.pods[len(g.pods)-1]
	g.migrates, g.unread = 0, 0
	g.vmi.Node = target.Node
	g.vcpuSeconds = 0
	g.cache = cache{at: c.at, phase: c.between(0, renewal)}
	g.pods[len(g.pods)-2].Phase = "Succeeded"
	for len(g.pods) > maxFinished+1 {
		c.server.store.DeletePod(namespace, g.pods[0].Name)
		g.pods = g.pods[1:]
	}
	// For a moment neither pod is Ready. The guest works on.
	g.vmi.Ready, g.vmi.ReadyTransition = false, c.now()
	c.announce(g)
}

// revive lets the VMIs of a node that was down fail.
func (c *cluster) revive(n *node) {
	for _, g := range c.guests {
		if g.vmi.Node == n.name && g.dead {
			g.vmi.Phase = "Failed"
		}
	}
}

// happen lets an event begin.
func (c *cluster) happen(e Event) {
	until := c.at + e.For
	switch e.Kind {
	case ServerStarts:
		c.startServer()
		c.note("%s", e.Kind)
		return
	case NodeUnread, NodeDown:
		n := c.nodes[c.random.IntN(len(c.nodes))]
		c.note("%s %s for %s", e.Kind, n.name, e.For)
		if e.Kind == NodeUnread {
			n.unread = until
			return
		}
		n.down = until
		for _, g := range c.guests {
			g.dead = g.dead || g.vmi.Node == n.name && g.vmi.Phase == "Running"
		}
		return
	}
	g := c.anyWorking()
	if g == nil {
		return
	}
	c.note("%s %s for %s", e.Kind, g.vmi.Name, e.For)
	switch e.Kind {
	case GuestUnread:
		g.unread = until
	case UnreadZeros:
		g.zeros = until
	case GuestPaused:
		g.paused, g.vmi.Paused = until, true
		c.announce(g)
	case GuestDies:
		g.vmi.Phase = "Failed"
		c.announce(g)
	case Migration:
		g.migrates = until
		g.unread = until // virt-handler may get no stats while a guest migrates.
		g.addPod(c, c.anyNode(g.vmi.Node), "Running")
		c.announce(g)
	}
}

// anyWorking draws a guest that works and does not migrate, nil if there is none.
func (c *cluster) anyWorking() *guest {
	var working []*guest
	for _, g := range c.guests {
		if g.works(c.at) && g.migrates == 0 {
			working = append(working, g)
		}
	}
	if len(working) == 0 {
		return nil
	}
	return working[c.random.IntN(len(working))]
}
