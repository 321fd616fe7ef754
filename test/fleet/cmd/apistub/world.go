package main

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"guest-metrics-server/test/fleet/world"
)

//go:embed objects/*.yaml
var objectFiles embed.FS

// resource is what the API has at one place, such as /api/v1/pods.
type resource struct {
	kind, apiVersion string
	isCustom         bool
	sets             []*set
}

// set is objects that differ by their marks alone.
type set struct {
	object    map[string]any
	name      string // Of the only object, "" where there are more.
	namespace string // Of all objects, "" where it differs.
	labels    labels.Set
	count     int
	values    func(i int) map[mark]string
	changing  bool // Events tell of changes.

	mu    sync.Mutex
	forms map[formKey]form
}

type formKey struct {
	format
	event string // "" for a list's element.
}

// form returns the set's form, made once.
func (s *set) form(key formKey) (form, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.forms[key]; ok {
		return f, nil
	}
	b, err := s.encode(key)
	if err != nil {
		return form{}, fmt.Errorf("encode a %s: %w", s.object["kind"], err)
	}
	if s.forms == nil {
		s.forms = make(map[formKey]form)
	}
	s.forms[key] = newForm(b)
	return s.forms[key], nil
}

func (s *set) encode(key formKey) ([]byte, error) {
	if key.event != "" {
		return event(key.event, s.object, key.format)
	}
	b, _, err := encode(s.object, key.format)
	if err == nil && key.protobuf {
		b = appendField(nil, itemsField, b)
	}
	return b, err
}

// version counts up with each change of an object.
var version atomic.Int64

func versionText() string { return fmt.Sprintf("%09d", 100_000_000+version.Load()) }

// newWorld returns all resources by their path without a namespace.
func newWorld(fleet world.Fleet, kubevirtCA string) (map[string]*resource, error) {
	l := loader{ca: kubevirtCA, since: time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)}
	pools := fleet.Pools()
	ofVMI := func(i int) map[mark]string { return vmiValues(fleet.VMI(i)) }
	ofPool := func(i int) map[mark]string {
		return map[mark]string{namespaceMark: fmt.Sprintf("%03d", pools[i].Namespace), poolMark: fmt.Sprintf("%05d", pools[i].Index), versionMark: versionText()}
	}
	core := func(kind string, sets ...*set) *resource { return &resource{kind: kind, apiVersion: "v1", sets: sets} }
	custom := func(kind, apiVersion string, sets ...*set) *resource {
		return &resource{kind: kind, apiVersion: apiVersion, isCustom: true, sets: sets}
	}
	w := map[string]*resource{
		"/api/v1/pods":       core("Pod", l.changing("launcher-pod", fleet.VMIs, ofVMI), l.load("handler-pod", fleet.Nodes(), nodeValues)),
		"/api/v1/services":   core("Service", l.load("service", len(pools), ofPool)),
		"/api/v1/nodes":      core("Node", l.load("node", fleet.Nodes(), nodeValues)),
		"/api/v1/configmaps": core("ConfigMap", l.single("kubevirt-ca"), l.single("authentication")),
		"/apis/kubevirt.io/v1/virtualmachineinstances":           custom("VirtualMachineInstance", "kubevirt.io/v1", l.changing("vmi", fleet.VMIs, ofVMI)),
		"/apis/kubevirt.io/v1/virtualmachines":                   custom("VirtualMachine", "kubevirt.io/v1", l.load("vm", fleet.VMIs, ofVMI)),
		"/apis/kubevirt.io/v1/virtualmachineinstancereplicasets": custom("VirtualMachineInstanceReplicaSet", "kubevirt.io/v1"),
		"/apis/kubevirt.io/v1/kubevirts":                         custom("KubeVirt", "kubevirt.io/v1", l.single("kubevirt")),
		"/apis/pool.kubevirt.io/v1beta1/virtualmachinepools":     custom("VirtualMachinePool", "pool.kubevirt.io/v1beta1", l.load("pool", len(pools), ofPool)),
	}
	return w, l.err
}

func vmiValues(v world.VMI) map[mark]string {
	return map[mark]string{
		namespaceMark: fmt.Sprintf("%03d", v.Namespace),
		poolMark:      fmt.Sprintf("%05d", v.Pool),
		ordinalMark:   fmt.Sprintf("%04d", v.Ordinal),
		nodeMark:      fmt.Sprintf("%05d", v.Node),
		indexMark:     fmt.Sprintf("%012d", v.Index),
		podIPMark:     fmt.Sprintf("1%02d.1%02d.1%02d", v.Index/10_000, v.Index/100%100, v.Index%100),
		versionMark:   versionText(),
	}
}

func nodeValues(node int) map[mark]string {
	return map[mark]string{
		nodeMark:    fmt.Sprintf("%05d", node),
		nodeIPMark:  strings.TrimPrefix(world.NodeIP(node), "127.90."),
		versionMark: versionText(),
	}
}

// loader loads sets and keeps the first error.
type loader struct {
	ca, since string
	err       error
}

func (l *loader) single(name string) *set {
	s := l.load(name, 1, func(int) map[mark]string { return map[mark]string{versionMark: versionText()} })
	if l.err == nil {
		s.name, _ = s.object["metadata"].(map[string]any)["name"].(string)
	}
	return s
}

func (l *loader) changing(name string, count int, values func(int) map[mark]string) *set {
	s := l.load(name, count, values)
	s.changing = true
	return s
}

func (l *loader) load(name string, count int, values func(int) map[mark]string) *set {
	s := &set{count: count, values: values}
	text, err := objectFiles.ReadFile("objects/" + name + ".yaml")
	if err == nil {
		quoted := strings.Trim(strconv.Quote(l.ca), `"`)
		replaced := strings.NewReplacer("@SINCE@", l.since, "@CA@", quoted).Replace(string(text))
		err = yaml.Unmarshal([]byte(replaced), &s.object)
	}
	if err != nil {
		l.err = fmt.Errorf("read objects/%s.yaml: %w", name, err)
		return s
	}
	metadata := s.object["metadata"].(map[string]any)
	s.labels = labels.Set{}
	if found, ok := metadata["labels"].(map[string]any); ok {
		for key, value := range found {
			s.labels[key] = value.(string)
		}
	}
	if namespace, ok := metadata["namespace"].(string); ok && !strings.Contains(namespace, string(namespaceMark)) {
		s.namespace = namespace
	}
	addManagedFields(s.object)
	return s
}
