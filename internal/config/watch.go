package config

import (
	"path/filepath"
	"strconv"
)

// Watch is what is looked at beside what is protected.
type Watch struct {
	// Certificates are servers that speak TLS, each as HOST:PORT, whose
	// certificates must not expire. Those of surfaces and stores are watched
	// without being named.
	Certificates []string `yaml:"certificates" json:"certificates,omitempty"`
	// Disks are absolute paths on the worker's host whose file systems must not
	// get full. The data folder and those of local stores are watched without
	// being named.
	Disks []string `yaml:"disks" json:"disks,omitempty"`
}

func (v *validator) watch() {
	for i, address := range v.c.Watch.Certificates {
		path := "watch.certificates." + strconv.Itoa(i)
		if err := hostPort(address); err != "" {
			v.refuse(path, "%s %s", path, err)
		}
	}
	for i, disk := range v.c.Watch.Disks {
		path := "watch.disks." + strconv.Itoa(i)
		if !filepath.IsAbs(disk) {
			v.refuse(path, "%s %q must be an absolute path", path, disk)
		}
	}
}
