// Package debian brings programs of Debian packages to tests without installing
// them: in come names of packages, out comes a directory with their files and
// with what they need that this machine does not have. Nothing of the system is
// changed, and no rights are needed. It must not know what the programs do.
package debian
