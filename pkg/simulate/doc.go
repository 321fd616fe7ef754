// Package simulate runs a pool of VMIs under an HPA in virtual time: an hour
// takes milliseconds. In go the demand over time, what the guests, the server and
// the HPA are like, and what happens to them; out comes what the HPA decided at
// each sync, and why.
//
// The HPA is that of package hpa. The server is the product itself: responses of
// virt-handlers and guests' status pages go in as text, and answers come out of
// its evaluator. Only their network and the clock are not real. What KubeVirt
// does (boots, migrations, the launcher's cache) is a model.
package simulate
