package postgres

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill the child when this process is killed: an
// orphaned pg_restore would go on and get into the way of the next attempt.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
