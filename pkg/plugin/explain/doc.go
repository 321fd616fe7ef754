// Package explain says why an HPA scales, and what a VMI, a pool or a replica set
// has to do with it. Collectors read objects and answers into a snapshot; pure
// functions make a Report of the snapshot, and text of the report. What the HPA
// controller would decide is computed by package hpa and nowhere else.
//
// Each statement is observed, which is what an object or an answer says, or
// estimated, which is what follows from it by the controller's rules: its flags and
// its memory cannot be seen.
package explain
