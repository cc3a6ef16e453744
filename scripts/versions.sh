# The versions of the tools that check the code, each in one place.
# shellcheck shell=bash disable=SC2034
go_version=$(sed -n 's/^go //p' go.mod)
golangci_version=v2.15.0
workflowcheck_version=v0.6.0
govulncheck_version=v1.8.0
