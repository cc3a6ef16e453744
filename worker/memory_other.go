//go:build !linux

package worker

func forgetStartup() {}
