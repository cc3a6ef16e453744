package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// lister reads lists page by page, and leaves their objects as the API server
// wrote them. The dynamic client would decode a page at once, however large it is.
type lister struct{ rest *rest.RESTClient }

func newLister(client *clients.Client) (*lister, error) {
	config := rest.CopyConfig(client.REST)
	known := runtime.NewScheme()
	metav1.AddToGroupVersion(known, schema.GroupVersion{Version: "v1"})
	config.NegotiatedSerializer = serializer.NewCodecFactory(known).WithoutConversion()
	config.AcceptContentTypes, config.ContentType = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	// Both sides would pay more for gzip than a network between them takes.
	config.DisableCompression = true
	out, err := rest.UnversionedRESTClientFor(config)
	return &lister{rest: out}, fault.Wrap(fault.Invalid, err, "read the kubeconfig")
}

// listing names the objects of one type in one namespace, or in all of them
// where it names none.
type listing struct {
	of        resourceType
	namespace string
	selector  string
	// fields limits it by fields, such as type=kubernetes.io/tls.
	fields string
}

// page is a part of a list.
type page struct {
	items []json.RawMessage
	bytes int
	// next continues the list; empty at its end.
	next string
	// remaining is how many objects follow, where the API server says it.
	remaining int64
}

// pageBytes is how much of a list is read at once. An object has less.
const pageBytes = maxObject

// overfull is the error of a page that has more than pageBytes.
type overfull struct{ fits int }

func (overfull) Error() string { return "the page is too large" }

// path is that of a list, or of one object where a name is given.
func (l listing) path(name string) []string {
	var out []string
	if l.of.Resource.Group == "" {
		out = []string{"api", l.of.Version}
	} else {
		out = []string{"apis", l.of.Resource.Group, l.of.Version}
	}
	if l.namespace != "" {
		out = append(out, "namespaces", l.namespace)
	}
	out = append(out, l.of.Resource.Resource)
	if name != "" {
		out = append(out, name)
	}
	return out
}

// page reads the page of a list that a token names. Errors are the API
// server's own, or an overfull.
func (l *lister) page(ctx context.Context, of listing, limit int, token string) (page, error) {
	r := l.rest.Get().AbsPath(of.path("")...).Param("limit", strconv.Itoa(limit))
	if token != "" {
		r = r.Param("continue", token)
	}
	if of.selector != "" {
		r = r.Param("labelSelector", of.selector)
	}
	if of.fields != "" {
		r = r.Param("fieldSelector", of.fields)
	}
	body, err := r.Stream(ctx)
	if err != nil {
		return page{}, err
	}
	defer body.Close()
	out, err := readPage(body)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return out, err
}

// get reads one object.
func (l *lister) get(ctx context.Context, of listing, name string) (Object, error) {
	answer := l.rest.Get().AbsPath(of.path(name)...).Do(ctx)
	// Raw alone would leave out what the API server says of its reasons.
	if err := answer.Error(); err != nil {
		return Object{}, err
	}
	text, err := answer.Raw()
	if err != nil {
		return Object{}, err
	}
	return of.of.object(text)
}

// readPage reads a list as the API server writes it, object by object.
func readPage(r io.Reader) (page, error) {
	var out page
	d := json.NewDecoder(r)
	if err := expect(d, json.Delim('{')); err != nil {
		return out, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return out, err
		}
		switch name {
		case "metadata":
			var of metav1.ListMeta
			if err := d.Decode(&of); err != nil {
				return out, err
			}
			if out.next = of.Continue; of.RemainingItemCount != nil {
				out.remaining = *of.RemainingItemCount
			}
		case "items":
			if err := out.readItems(d); err != nil {
				return out, err
			}
		default:
			var other json.RawMessage
			if err := d.Decode(&other); err != nil {
				return out, err
			}
		}
	}
	return out, expect(d, json.Delim('}'))
}

func (p *page) readItems(d *json.Decoder) error {
	begin, err := d.Token()
	if err != nil || begin == nil {
		return err
	}
	if begin != json.Delim('[') {
		return fault.New(fault.Unsupported, "the API server's list has no items")
	}
	for d.More() {
		var item json.RawMessage
		if err := d.Decode(&item); err != nil {
			return err
		}
		if p.bytes += len(item); p.bytes > pageBytes && len(p.items) > 0 {
			return overfull{fits: len(p.items)}
		}
		p.items = append(p.items, item)
	}
	return expect(d, json.Delim(']'))
}

func expect(d *json.Decoder, what json.Delim) error {
	got, err := d.Token()
	if err != nil {
		return err
	}
	if got != what {
		return fault.New(fault.Unsupported, "the API server's list is none")
	}
	return nil
}

// object reads one object of the type. What the API server notes of who has
// set which field is left out: it is most of many objects, and of no use in a
// restore, which sets all of them.
func (t resourceType) object(text []byte) (Object, error) {
	body, err := decode(text)
	if err != nil {
		return Object{}, fault.New(fault.Unavailable, "the API server's %s can't be read", t.Resource)
	}
	if body.GetKind() == "" {
		body.SetKind(t.Kind)
	}
	if body.GetAPIVersion() == "" {
		body.SetAPIVersion(t.groupVersion().String())
	}
	drop(fieldsOf(body.Object, "metadata"), "managedFields")
	return Object{Resource: t.Resource, Version: t.Version, Namespace: body.GetNamespace(), Name: body.GetName(), Body: body}, nil
}
