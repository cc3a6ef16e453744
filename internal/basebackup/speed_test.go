//go:build bench

package basebackup

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkExtract puts the archive that BASE_TAR names into a folder on the
// disk of TMPDIR, durable and not.
func BenchmarkExtract(b *testing.B) {
	name := os.Getenv("BASE_TAR")
	if name == "" {
		b.Skip("BASE_TAR names no archive")
	}
	for label, durable := range map[string]bool{"durable": true, "not": false} {
		b.Run(label, func(b *testing.B) {
			for b.Loop() {
				file, err := os.Open(name)
				if err != nil {
					b.Fatal(err)
				}
				info, err := file.Stat()
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(info.Size())
				dir := filepath.Join(b.TempDir(), "data")
				if _, err := Extract(b.Context(), struct{ io.Reader }{file}, dir, Options{FSync: durable}); err != nil {
					b.Fatal(err)
				}
				if err := os.RemoveAll(dir); err != nil {
					b.Fatal(err)
				}
				file.Close()
			}
		})
	}
}
