package local

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// playFlag makes this test binary, run again, one of an application's programs.
const playFlag = "--play"

// playing is a program that this test binary plays.
func playing(name string, args ...string) drill.Program {
	return drill.Program{
		Name: name, Command: append([]string{os.Args[0], playFlag}, args...),
		Env: map[string]secret.String{}, Timeout: drill.Duration(2 * time.Minute),
	}
}

func play(what string, args []string) int {
	switch what {
	case "worker":
		return playStarter(args[0], args[1:])
	case "listener":
		return playListener(args[0])
	case "daemon":
		// Twice a child that leads a session of its own, and knows nothing of where it comes from.
		if args[0] == "0" {
			return playListener(args[1])
		}
		next := exec.Command(os.Args[0], playFlag, "daemon", string(args[0][0]-1), args[1])
		next.Env, next.Dir = []string{}, "/"
		next.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		return failed(next.Start())
	case "migration":
		return playMigration(args[0], args[1])
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		return playListener(args[0])
	case "flood":
		line := strings.Repeat("x", 63) + "\n"
		for range 3 * programLogLimit / len(line) {
			fmt.Print(line)
		}
		fmt.Println("the end")
		return 0
	case "say":
		fmt.Println(strings.Join(args[1:], " "))
		return int(args[0][0] - '0')
	}
	return 99
}

func failed(err error) int {
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// playStarter is a worker that starts what this test binary plays, says so, and waits to be killed.
func playStarter(dir string, args []string) int {
	p := playing("app", args...)
	p.Once = args[0] == "migration"
	if args[0] == "listener" {
		p.Ready = args[1]
	}
	_, err := New(dir).StartProgram(context.Background(), "d1", p)
	fmt.Println("started", err)
	select {}
}

func playListener(address string) int {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return failed(err)
	}
	fmt.Println("listening at", address)
	for {
		conn, err := l.Accept()
		if err != nil {
			return failed(err)
		}
		conn.Close()
	}
}

// playMigration counts its runs in a file and ends once another one is there, with status 0.
func playMigration(runs, gate string) int {
	f, err := os.OpenFile(runs, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return failed(err)
	}
	if _, err := f.WriteString("ran\n"); err != nil {
		return failed(err)
	}
	for {
		if _, err := os.Stat(gate); err == nil {
			fmt.Println("migrated")
			return 0
		}
		time.Sleep(20 * time.Millisecond)
	}
}
