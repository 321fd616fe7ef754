package main

import (
	"fmt"
	"strings"
)

// addStatusPages lets all VMIs have status pages on a port of their launcher
// pods, whose addresses become ones of loopback, 127.1XX.1YY.1ZZ.
func addStatusPages(resources map[string]*resource, port int) {
	for _, s := range resources["/apis/kubevirt.io/v1/virtualmachineinstances"].sets {
		metadata := s.object["metadata"].(map[string]any)
		metadata["annotations"].(map[string]any)["guestmetrics.io/http-port"] = fmt.Sprint(port)
	}
	for _, s := range resources["/api/v1/pods"].sets {
		status := s.object["status"].(map[string]any)
		ip := status["podIP"].(string)
		if strings.HasSuffix(ip, string(podIPMark)) {
			status["podIP"] = "127." + string(podIPMark)
			status["podIPs"] = []any{map[string]any{"ip": status["podIP"]}}
		}
	}
}
