// Command crds prints KubeVirt's CustomResourceDefinitions as YAML, as
// virt-operator would create them.
package main

import (
	"fmt"
	"os"

	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"kubevirt.io/kubevirt/pkg/virt-operator/resource/generate/components"
	"sigs.k8s.io/yaml"
)

// definitions is the list that virt-operator installs. virt-controller waits
// for the informers of all of them, so none may be left out.
var definitions = []func() (*extv1.CustomResourceDefinition, error){
	components.NewKubeVirtCrd,
	components.NewMigrationPolicyCrd,
	components.NewPresetCrd,
	components.NewReplicaSetCrd,
	components.NewVirtualMachineBackupCrd,
	components.NewVirtualMachineBackupTrackerCrd,
	components.NewVirtualMachineCloneCrd,
	components.NewVirtualMachineClusterInstancetypeCrd,
	components.NewVirtualMachineClusterPreferenceCrd,
	components.NewVirtualMachineCrd,
	components.NewVirtualMachineExportCrd,
	components.NewVirtualMachineInstanceCrd,
	components.NewVirtualMachineInstanceMigrationCrd,
	components.NewVirtualMachineInstancetypeCrd,
	components.NewVirtualMachinePoolCrd,
	components.NewVirtualMachinePreferenceCrd,
	components.NewVirtualMachineRestoreCrd,
	components.NewVirtualMachineSnapshotContentCrd,
	components.NewVirtualMachineSnapshotCrd,
}

func main() {
	if err := printAll(); err != nil {
		fmt.Fprintln(os.Stderr, "crds:", err)
		os.Exit(1)
	}
}

func printAll() error {
	for _, newDefinition := range definitions {
		definition, err := newDefinition()
		if err != nil {
			return fmt.Errorf("generate a definition: %w", err)
		}
		text, err := yaml.Marshal(definition)
		if err != nil {
			return fmt.Errorf("marshal %s: %w", definition.Name, err)
		}
		if _, err := fmt.Printf("---\n%s", text); err != nil {
			return fmt.Errorf("print %s: %w", definition.Name, err)
		}
	}
	return nil
}
