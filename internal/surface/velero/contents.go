package velero

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// maxObject is larger than an object that etcd takes.
const maxObject = 8 << 20

// contents reads through a Backup's tar file, and hands over the resources of
// the types in typesReworked. All others, secrets among them, are passed over.
func (v server) contents(ctx context.Context, of backup, do func(*unstructured.Unstructured) error) error {
	return v.fetch(ctx, targetContents, of.Name, of.Spec.StorageLocation, func(r io.Reader) error { return readContents(r, do) })
}

func readContents(r io.Reader, do func(*unstructured.Unstructured) error) error {
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.Wrap(fault.Corrupt, err, "read the Backup's tar file")
		}
		if !reworkable(header.Name) {
			continue
		}
		if header.Size > maxObject {
			return fault.New(fault.Corrupt, "%s in the Backup's tar file is larger than any resource", header.Name)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "read the Backup's tar file")
		}
		o := &unstructured.Unstructured{}
		if err := o.UnmarshalJSON(text); err != nil {
			return fault.New(fault.Corrupt, "%s in the Backup's tar file is no resource", header.Name)
		}
		if err := do(o); err != nil {
			return err
		}
	}
}

// reworkable reports whether a file is resources/TYPE/namespaces/NAMESPACE/NAME.json
// of a type that counts. Folders for versions stand before namespaces/, with the same again.
func reworkable(path string) bool {
	parts := strings.Split(strings.TrimPrefix(path, "./"), "/")
	if len(parts) != 5 || parts[0] != "resources" || parts[2] != "namespaces" || !strings.HasSuffix(parts[4], ".json") {
		return false
	}
	for _, of := range typesReworked {
		if parts[1] == of {
			return true
		}
	}
	return false
}
