package launcher

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	cmdclient "kubevirt.io/kubevirt/pkg/virt-handler/cmd-client"

	"guest-metrics-server/test/kubevirt/script"
)

// newTestNode returns a node whose sockets KubeVirt's own client finds.
func newTestNode(t testing.TB) *Node {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "") //nolint:usetesting // t.TempDir is too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("NODE_NAME", "node01")
	cmdclient.SetPodsBaseDir(dir)
	node := NewNode("node01", dir)
	t.Cleanup(node.Stop)
	return node
}

func newVMI(activePods map[types.UID]string) *kubevirtv1.VirtualMachineInstance {
	return &kubevirtv1.VirtualMachineInstance{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "web-0", UID: "vmi",
			Annotations: map[string]string{script.Prefix + "cpu-percent": "100"},
		},
		Spec: kubevirtv1.VirtualMachineInstanceSpec{Domain: kubevirtv1.DomainSpec{CPU: &kubevirtv1.CPU{Cores: 2, Sockets: 2}}},
		Status: kubevirtv1.VirtualMachineInstanceStatus{
			Phase: kubevirtv1.Running, NodeName: "node01", ActivePods: activePods,
		},
	}
}

func TestKubeVirtsClientReadsALauncher(t *testing.T) {
	node := newTestNode(t)
	vmi := newVMI(map[types.UID]string{"pod-a": "node01", "pod-b": "node02"})
	node.observe(vmi)
	socket, err := cmdclient.FindSocket(vmi)
	if err != nil {
		t.Fatal(err)
	}
	client, err := cmdclient.NewClient(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	domain, exists, err := client.GetDomainStats()
	if err != nil || !exists {
		t.Fatalf("domain stats: exists %v, error %v", exists, err)
	}
	if domain.Name != "default_web-0" || len(domain.Vcpu) != 4 {
		t.Errorf("domain %s with %d vCPUs, want default_web-0 with 4", domain.Name, len(domain.Vcpu))
	}
	filesystems, err := client.GetFilesystems()
	if err != nil || len(filesystems.Items) != 1 {
		t.Errorf("%d filesystems and error %v, want 1 and none", len(filesystems.Items), err)
	}
}

func TestLaunchersFollowTheirVMI(t *testing.T) {
	here := map[types.UID]string{"pod-a": "node01"}
	tests := map[string]struct {
		change func(*kubevirtv1.VirtualMachineInstance)
		want   bool
	}{
		"nothing changes":      {func(*kubevirtv1.VirtualMachineInstance) {}, true},
		"not yet scheduled":    {func(vmi *kubevirtv1.VirtualMachineInstance) { vmi.Status.Phase = kubevirtv1.Scheduling }, true},
		"the guest shuts down": {func(vmi *kubevirtv1.VirtualMachineInstance) { vmi.Status.Phase = kubevirtv1.Succeeded }, false},
		"the pod is gone":      {func(vmi *kubevirtv1.VirtualMachineInstance) { vmi.Status.ActivePods = nil }, false},
		"the pod is on another": {func(vmi *kubevirtv1.VirtualMachineInstance) {
			vmi.Status.ActivePods = map[types.UID]string{"pod-a": "node02"}
		}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			node := newTestNode(t)
			vmi := newVMI(here)
			node.observe(vmi)
			changed := vmi.DeepCopy()
			test.change(changed)
			node.observe(changed)
			if _, err := cmdclient.FindSocket(vmi); (err == nil) != test.want {
				t.Errorf("the launcher is there: %v, want %v", err == nil, test.want)
			}
		})
	}
}

func TestGuestsOutliveTheirNodesProcess(t *testing.T) {
	node := newTestNode(t)
	vmi := newVMI(map[types.UID]string{"pod-a": "node01"})
	node.observe(vmi)
	started := node.launchers["vmi"]["pod-a"].guest.Started
	node.Stop()

	successor := NewNode("node01", node.podsDir)
	defer successor.Stop()
	successor.observe(vmi)
	if again := successor.launchers["vmi"]["pod-a"].guest.Started; !again.Equal(started) {
		t.Errorf("the guest started at %v, and after a restart of its node's process at %v", started, again)
	}
}

func TestLibvirtTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := script.Parse(map[string]string{script.Prefix + "stats-milliseconds": "60", script.Prefix + "cpu-percent": "50"})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		l := &launcher{guest: script.NewGuest(1, s, began.Add(-time.Second))}
		domain, err := l.DomainStats()
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 60*time.Millisecond {
			t.Errorf("the statistics took %s, want 60ms", took)
		}
		if got := domain.Vcpu[0].Time; got != 530_000_000 {
			t.Errorf("the vCPU has run for %d ns after 1.06 s, want 0.53 s", got)
		}
	})
}

func TestVCPUTimeMovesInTheKernelsSteps(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	s, err := script.Parse(map[string]string{script.Prefix + "cpu-percent": "50"})
	if err != nil {
		t.Fatal(err)
	}
	guest := script.NewGuest(1, s, start)
	got := domainStats("default_web-0", "vmi", guest, start.Add(1238*time.Millisecond)).Vcpu[0].Time
	if want := uint64(610 * time.Millisecond); got != want {
		t.Errorf("vCPU time is %d ns, want %d ns", got, want)
	}
}
