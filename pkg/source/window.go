package source

import (
	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/inventory"
)

// window returns the samples of a VMI since it was paused last, false without any.
// Its counters stood still in the pause, so no rate may reach over that.
func window(h *history.Store, v *inventory.VMI) (history.Window, bool) {
	w, ok := h.Window(string(v.UID))
	if !ok || w.Newest().Before(v.Resumed) {
		return history.Window{}, false
	}
	return w.Since(v.Resumed), true
}
