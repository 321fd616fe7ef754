// Package inventory knows what is in the cluster: VMIs, their launcher pods,
// the VMs, replica sets and pools that own them, and the virt-handler pods to
// scrape, and the guests whose annotations say where their status page is. In go
// the Kubernetes API's lists and watches, out come the members of an object,
// whether each of them counts, and the scrape targets. It knows nothing of HTTP
// but how to read these annotations, and nothing of samples and formulas.
//
// It also chooses between KubeVirt objects, where there are several: only pods in
// the chosen one's namespace are scraped.
//
// Store holds the knowledge and is fed by Watch, or by a test. What Watch gets
// is cut down to a few fields on arrival; there is no second copy in an
// informer's cache, since a reflector writes into Store directly.
package inventory
