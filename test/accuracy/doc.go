// Accuracy measures in virtual time how far a rate is from the truth, and how
// soon it follows a step of load, behind virt-launcher's cache of 3.25 s.
//
// A launcher's cache, its timers' lateness and the time that libvirt takes to
// answer are modelled (launcher.go; its test compares the model with what KubeVirt's
// own code answered). Scrapers visit it: this server, a second replica, a
// Prometheus. The guest's load is known at each moment, and with it the true mean
// of each window. Estimates of the rate are compared with that, among them the
// server's own history and Prometheus' rate().
//
//	go run ./test/accuracy            # the tables of docs/accuracy.md, in a minute
//	go run ./test/accuracy -seed 7    # the same with other random numbers
package main
