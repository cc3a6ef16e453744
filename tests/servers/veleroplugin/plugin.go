//go:build tools

// Package veleroplugin names the plugin by which Velero reaches S3, so that
// this module pins its version. scripts/test-velero-tools.sh builds it.
package veleroplugin

import _ "github.com/vmware-tanzu/velero-plugin-for-aws/velero-plugin-for-aws"
