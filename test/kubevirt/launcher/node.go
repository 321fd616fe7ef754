package launcher

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"guest-metrics-server/test/kubevirt/script"
)

// Node has the launchers of one node's VMIs. Register it with the informer that
// the exporter reads, so that both see the same VMIs. Stop ends all launchers.
type Node struct {
	name    string
	podsDir string

	mu        sync.Mutex
	launchers map[types.UID]map[types.UID]*launcher // by VMI, then by pod
}

// NewNode returns a node without launchers. podsDir is the directory that was
// given to cmdclient.SetPodsBaseDir.
func NewNode(name, podsDir string) *Node {
	return &Node{name: name, podsDir: podsDir, launchers: map[types.UID]map[types.UID]*launcher{}}
}

// Handler keeps the launchers in step with VMIs.
func (n *Node) Handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { n.observe(obj.(*kubevirtv1.VirtualMachineInstance)) },
		UpdateFunc: func(_, obj any) { n.observe(obj.(*kubevirtv1.VirtualMachineInstance)) },
		DeleteFunc: func(obj any) {
			if unknown, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = unknown.Obj
			}
			n.forget(obj.(*kubevirtv1.VirtualMachineInstance))
		},
	}
}

// Stop ends all launchers. Their guests go on when a Node of the same name and
// directory is started.
func (n *Node) Stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, pods := range n.launchers {
		for _, l := range pods {
			l.stop()
		}
	}
	clear(n.launchers)
}

func (n *Node) observe(vmi *kubevirtv1.VirtualMachineInstance) {
	log := klog.Background().WithValues("vmi", klog.KObj(vmi))
	n.mu.Lock()
	defer n.mu.Unlock()

	s, err := script.Parse(vmi.Annotations)
	if err != nil {
		log.Error(err, "A part of the guest's script cannot be read")
	}
	pods := n.launchers[vmi.UID]
	for pod := range pods {
		if vmi.Status.ActivePods[pod] != n.name || vmi.IsFinal() {
			n.end(vmi.UID, pod)
		}
	}
	if !s.On(script.Scripted) || !vmi.IsScheduled() && !vmi.IsRunning() {
		return
	}
	for pod, node := range vmi.Status.ActivePods {
		if node != n.name {
			continue
		}
		if err := n.run(vmi, pod, s); err != nil {
			log.Error(err, "The guest does not follow its script")
		}
	}
}

func (n *Node) run(vmi *kubevirtv1.VirtualMachineInstance, pod types.UID, s script.Script) error {
	now := time.Now()
	if l, ok := n.launchers[vmi.UID][pod]; ok {
		if maps.Equal(l.guest.Script.Numbers, s.Numbers) && maps.Equal(l.guest.Script.Switches, s.Switches) {
			return nil
		}
		return l.follow(s, now)
	}
	l, err := start(vmi, string(pod), s, now)
	if err != nil {
		return fmt.Errorf("start the launcher of pod %s: %w", pod, err)
	}
	if n.launchers[vmi.UID] == nil {
		n.launchers[vmi.UID] = map[types.UID]*launcher{}
	}
	n.launchers[vmi.UID][pod] = l
	return nil
}

func (n *Node) forget(vmi *kubevirtv1.VirtualMachineInstance) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for pod := range n.launchers[vmi.UID] {
		n.end(vmi.UID, pod)
	}
}

// end ends a launcher for good: its directory goes, as kubelet would remove it.
func (n *Node) end(vmi, pod types.UID) {
	n.launchers[vmi][pod].stop()
	delete(n.launchers[vmi], pod)
	if len(n.launchers[vmi]) == 0 {
		delete(n.launchers, vmi)
	}
	if err := os.RemoveAll(filepath.Join(n.podsDir, string(pod))); err != nil {
		klog.Background().Error(err, "A pod's directory is left behind", "pod", pod)
	}
}
