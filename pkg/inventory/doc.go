// Package inventory knows what is in the cluster: VMIs, their launcher pods, the
// VMs, replica sets and pools that own them, the virt-handler pods to scrape, and
// the guests whose annotations say where their status page is. In go the
// Kubernetes API's lists and watches. Out come the members of an object, whether
// each of them counts, and what to scrape. It knows nothing of HTTP except how to
// read these annotations, and nothing of samples and formulas.
//
// It has four parts, each safe for concurrent use: Store has the VMIs and what
// they belong to, KubeVirt has the virt-handlers, GuestCAs and NodeAddresses are
// what guests are verified with and kept away from. Watcher feeds them all, or a
// test does. Where there are several KubeVirt objects, it chooses one: only pods
// in that one's namespace are scraped.
//
// What Watcher gets is cut down to a few fields on arrival. There is no second
// copy in an informer's cache, since a reflector writes into Store directly.
package inventory
