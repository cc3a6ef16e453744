package kubernetes

import (
	"archive/tar"
	"bytes"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// partFormat names the plaintext of both parts, which FORMAT.md describes.
const partFormat = "velero-tar"

// The names in a tarball.
const (
	versionFile     = "metadata/version"
	versionText     = "1.1.0\n"
	resourcesFolder = "resources/"
	namespacesScope = "namespaces"
	clusterScope    = "cluster"
	// preferredMark ends the folder of the version in which an object was read.
	preferredMark = "-preferredversion"
	objectSuffix  = ".json"
)

// What a tarball may hold at most.
const (
	// maxObject is far above what an API server takes: 3 MiB in a request.
	maxObject = 8 << 20
	// maxObjects is what fits an etcd of 8 GiB, its largest recommended size,
	// at 2 KiB each.
	maxObjects = 1 << 22
	// maxPath bounds what errors quote.
	maxPath = 4096
)

// Object is one resource of a point.
type Object struct {
	Resource schema.GroupResource
	// Version is that of its API group.
	Version string
	// Namespace is empty for what belongs to the cluster.
	Namespace, Name string
	Body            *unstructured.Unstructured
}

// path is where an object lies; version is that of the folder that links to
// it, or empty for the object itself.
func path(resource schema.GroupResource, version, namespace, name string) string {
	var b strings.Builder
	b.WriteString(resourcesFolder + resource.String())
	if version != "" {
		b.WriteString("/" + version + preferredMark)
	}
	if namespace == "" {
		b.WriteString("/" + clusterScope)
	} else {
		b.WriteString("/" + namespacesScope + "/" + namespace)
	}
	b.WriteString("/" + name + objectSuffix)
	return b.String()
}

// objectWriter writes a tarball, one object after the other.
type objectWriter struct{ tar *tar.Writer }

func newObjectWriter(w io.Writer) (*objectWriter, error) {
	out := &objectWriter{tar: tar.NewWriter(w)}
	err := out.file(versionFile, []byte(versionText))
	return out, err
}

// write adds an object by its JSON text.
func (w *objectWriter) write(of Object, text []byte) error {
	if len(text) > maxObject {
		return fault.New(fault.Unsupported, "%s is larger than %d MiB", of, maxObject>>20)
	}
	plain := path(of.Resource, "", of.Namespace, of.Name)
	if err := w.file(plain, text); err != nil {
		return err
	}
	return w.tar.WriteHeader(&tar.Header{
		Typeflag: tar.TypeLink, Mode: fileMode,
		Name: path(of.Resource, of.Version, of.Namespace, of.Name), Linkname: plain,
	})
}

// fileMode is not Velero's 0755: whoever unpacks a point by hand unpacks secrets.
const fileMode = 0o600

func (w *objectWriter) file(name string, content []byte) error {
	err := w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: fileMode})
	if err != nil {
		return err
	}
	_, err = w.tar.Write(content)
	return err
}

// close writes the end of the tarball.
func (w *objectWriter) close() error { return w.tar.Close() }

// String names an object for people.
func (o Object) String() string {
	if o.Namespace == "" {
		return o.Resource.String() + " " + o.Name
	}
	return o.Resource.String() + " " + o.Namespace + "/" + o.Name
}

// readObjects hands every object of a tarball to each, in its order, and reads
// r to its end. What is not as FORMAT.md has it is fault.Corrupt; errors of r
// and of each come back as they are. It holds one object at a time, of at most
// maxObject bytes of JSON, and 16 bytes for the name of each.
func readObjects(r io.Reader, each func(Object) error) error {
	end := &endReader{r: r}
	in := &objectReader{tar: tar.NewReader(end), seen: newNameSet()}
	if err := in.version(); err != nil {
		return end.cause(err)
	}
	for {
		o, err := in.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return end.cause(err)
		}
		if err := each(o); err != nil {
			return err
		}
	}
	return end.check()
}

// objectReader reads a tarball, one object after the other.
type objectReader struct {
	tar  *tar.Reader
	seen nameSet
}

func (in *objectReader) version() error {
	h, err := in.tar.Next()
	if err == io.EOF {
		return corrupt("is empty")
	}
	if err != nil {
		return err
	}
	if h.Typeflag != tar.TypeReg || h.Name != versionFile || h.Size != int64(len(versionText)) {
		return corrupt("does not begin with %s", versionFile)
	}
	text, err := io.ReadAll(in.tar)
	if err != nil {
		return err
	}
	if string(text) != versionText {
		return corrupt("is of another version than %s", strings.TrimSpace(versionText))
	}
	return nil
}

// next returns io.EOF at the end of the entries.
func (in *objectReader) next() (Object, error) {
	h, err := in.tar.Next()
	if err != nil {
		return Object{}, err
	}
	o, version, err := parsePath(h.Name)
	if err != nil {
		return Object{}, err
	}
	switch {
	case h.Typeflag != tar.TypeReg || version != "":
		return Object{}, corrupt("has an entry %q that is no object", shorten(h.Name))
	case h.Size > maxObject:
		return Object{}, corrupt("has an object %q of %d bytes", shorten(h.Name), h.Size)
	case in.seen.len() >= maxObjects:
		return Object{}, corrupt("has more than %d objects", maxObjects)
	case !in.seen.add(h.Name):
		return Object{}, corrupt("has %q twice", shorten(h.Name))
	}
	text := bytes.NewBuffer(make([]byte, 0, h.Size))
	if _, err := io.Copy(text, in.tar); err != nil {
		return Object{}, err
	}
	if err := o.parse(text.Bytes()); err != nil {
		return Object{}, err
	}
	return o, in.link(o)
}

// link reads the entry that follows an object: the same under its version.
func (in *objectReader) link(o Object) error {
	h, err := in.tar.Next()
	if err == io.EOF {
		return corrupt("ends after %s without its link", o)
	}
	if err != nil {
		return err
	}
	if h.Typeflag != tar.TypeLink || h.Size != 0 || h.Linkname != path(o.Resource, "", o.Namespace, o.Name) ||
		h.Name != path(o.Resource, o.Version, o.Namespace, o.Name) {
		return corrupt("has %q after %s in place of its link", shorten(h.Name), o)
	}
	return nil
}

// parsePath reads what path has written.
func parsePath(text string) (o Object, version string, err error) {
	wrong := corrupt("has an entry %q that is no path of an object", shorten(text))
	rest, inside := strings.CutPrefix(text, resourcesFolder)
	fields := strings.Split(rest, "/")
	if len(text) > maxPath || !utf8.ValidString(text) || !inside || slices.ContainsFunc(fields, func(f string) bool {
		return f == "" || f == "." || f == ".." || strings.ContainsRune(f, 0)
	}) {
		return o, "", wrong
	}
	o.Resource = schema.ParseGroupResource(fields[0])
	if fields = fields[1:]; len(fields) > 0 {
		if v, versioned := strings.CutSuffix(fields[0], preferredMark); versioned {
			version, fields = v, fields[1:]
		}
	}
	switch {
	case len(fields) == 2 && fields[0] == clusterScope:
	case len(fields) == 3 && fields[0] == namespacesScope:
		o.Namespace = fields[1]
	default:
		return o, "", wrong
	}
	name, isJSON := strings.CutSuffix(fields[len(fields)-1], objectSuffix)
	// Names are segments of the API server's paths.
	if !isJSON || name == "" || name == "." || name == ".." || strings.Contains(text, "%") || o.Resource.Resource == "" {
		return o, "", wrong
	}
	o.Name = name
	if path(o.Resource, version, o.Namespace, name) != text {
		return o, "", wrong
	}
	return o, version, nil
}

// parse reads the text of an object, which must be what its path says.
func (o *Object) parse(text []byte) error {
	body, err := decode(text)
	if err != nil {
		return corrupt("has no object in %s", o)
	}
	group, err := schema.ParseGroupVersion(body.GetAPIVersion())
	if err != nil || group.Version == "" || group.Group != o.Resource.Group || body.GetKind() == "" ||
		body.GetNamespace() != o.Namespace || body.GetName() != o.Name || strings.Contains(group.Version, "/") {
		return corrupt("has another object in %s", o)
	}
	o.Version, o.Body = group.Version, body
	return nil
}

func corrupt(format string, args ...any) error {
	return fault.New(fault.Corrupt, "the tarball of resources "+format, args...)
}

func shorten(text string) string {
	const enough = 200
	if len(text) > enough {
		return strings.ToValidUTF8(text[:enough], "") + "…"
	}
	return text
}
