//go:build !linux

package postgres

import "os/exec"

// dieWithParent can do nothing here: a child of a killed process ends when it
// next writes to its broken pipe.
func dieWithParent(*exec.Cmd) {}
