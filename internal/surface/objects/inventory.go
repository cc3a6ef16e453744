package objects

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

// inventoryFormat is the first thing that an inventory says; see FORMAT.md.
const inventoryFormat = "lifeboat-objects/1"

const (
	// mostOfKey and mostOfText bound the texts of an inventory, in bytes, above
	// what any service has.
	mostOfKey  = 4 << 10
	mostOfText = 1 << 10
	// mostOfLine bounds a line, in which a byte may take six.
	mostOfLine = 64 << 10
)

// Header says what an inventory is of.
type Header struct {
	Format string `json:"format"`
	// Service is s3, azure or gcs.
	Service string `json:"service"`
	Bucket  string `json:"bucket"`
	// Prefix is what every key begins with; it is empty, or ends with a slash.
	Prefix string `json:"prefix"`
	// Moment is that whose state the inventory is, by the service's clock.
	Moment time.Time `json:"moment"`
}

// Object is one object as it was at the moment of an inventory.
type Object struct {
	Key string `json:"key"`
	// Version is the service's name of the version; empty where it has none.
	Version string `json:"version,omitempty"`
	Size    int64  `json:"size"`
	ETag    string `json:"etag,omitempty"`
	// Digest is over the contents, as ALGORITHM:HEX, where the service lists one.
	Digest   string    `json:"digest,omitempty"`
	Modified time.Time `json:"modified"`
}

// footer is the last line.
type footer struct {
	End     bool  `json:"end"`
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

func object(v bucket.Version) Object {
	return Object{Key: v.Key, Version: v.ID, Size: v.Size, ETag: v.ETag, Digest: v.Digest, Modified: v.Modified.UTC()}
}

func (o Object) version() bucket.Version {
	return bucket.Version{Key: o.Key, ID: o.Version, Size: o.Size, ETag: o.ETag, Digest: o.Digest, Modified: o.Modified}
}

// sensible reports whether an object may be one.
func (o Object) sensible() bool {
	return o.Size >= 0 && len(o.Key) <= mostOfKey && max(len(o.Version), len(o.ETag), len(o.Digest)) <= mostOfText && isUTC(o.Modified)
}

func isUTC(t time.Time) bool {
	_, offset := t.Zone()
	return offset == 0
}

// writeInventory writes objects, whose keys must ascend, and lets each be seen.
func writeInventory(w io.Writer, header Header, objects iter.Seq2[bucket.Version, error], see func(Object)) error {
	buffered := bufio.NewWriterSize(w, 64<<10)
	lines := json.NewEncoder(buffered)
	lines.SetEscapeHTML(false)
	header.Format = inventoryFormat
	if err := lines.Encode(header); err != nil {
		return err
	}
	end := footer{End: true}
	for v, err := range objects {
		if err != nil {
			return err
		}
		if !utf8.ValidString(v.Key) {
			return fault.New(fault.Unsupported, "the key %q is not UTF-8: it can't be in an inventory", v.Key)
		}
		o := object(v)
		if err := lines.Encode(o); err != nil {
			return err
		}
		end.Objects++
		end.Bytes += o.Size
		see(o)
	}
	if err := lines.Encode(end); err != nil {
		return err
	}
	return buffered.Flush()
}

// inventory is one that is being read.
type inventory struct {
	Header
	lines *bufio.Scanner
}

// readInventory reads the header. What is no inventory is fault.Corrupt; errors
// of the reader are kept.
func readInventory(r io.Reader) (*inventory, error) {
	in := &inventory{lines: bufio.NewScanner(r)}
	in.lines.Buffer(make([]byte, 0, 4<<10), mostOfLine)
	line, err := in.next()
	if err != nil {
		return nil, err
	}
	if err := strict(line, &in.Header); err != nil || in.Format != inventoryFormat {
		return nil, fault.New(fault.Corrupt, "the inventory doesn't begin with the format %s", inventoryFormat)
	}
	if in.Bucket == "" || in.Prefix != "" && !strings.HasSuffix(in.Prefix, "/") ||
		max(len(in.Service), len(in.Bucket), len(in.Prefix)) > mostOfText || !isUTC(in.Moment) {
		return nil, fault.New(fault.Corrupt, "the inventory doesn't say what it is of")
	}
	return in, nil
}

func (in *inventory) next() ([]byte, error) {
	if in.lines.Scan() {
		return in.lines.Bytes(), nil
	}
	switch err := in.lines.Err(); {
	case err == nil:
		return nil, fault.New(fault.Corrupt, "the inventory ends too early")
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fault.New(fault.Corrupt, "the inventory has a line of over %d bytes", mostOfLine)
	default:
		return nil, fault.While(err, "read the inventory")
	}
}

// strict reads one line, which may have nothing that isn't known.
func strict(line []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// endMark is what the last line begins with, and no other.
var endMark = []byte(`{"end":`)

// objects are those of the inventory, in ascending order of their keys. Only
// who has heard of no error has seen them all.
func (in *inventory) objects() iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		var sum footer
		last := ""
		for {
			line, err := in.next()
			if err != nil {
				yield(Object{}, err)
				return
			}
			if bytes.HasPrefix(line, endMark) {
				if err := in.end(line, sum); err != nil {
					yield(Object{}, err)
				}
				return
			}
			var o Object
			if err := strict(line, &o); err != nil {
				yield(Object{}, fault.New(fault.Corrupt, "line %d of the inventory is no object", sum.Objects+2))
				return
			}
			if o.Key <= last || !strings.HasPrefix(o.Key, in.Prefix) || !o.sensible() {
				yield(Object{}, fault.New(fault.Corrupt, "line %d of the inventory has a key out of order or from elsewhere, or values that can't be", sum.Objects+2))
				return
			}
			last = o.Key
			sum.Objects++
			sum.Bytes += o.Size
			if !yield(o, nil) {
				return
			}
		}
	}
}

func (in *inventory) end(line []byte, sum footer) error {
	var end footer
	sum.End = true
	if err := strict(line, &end); err != nil || end != sum {
		return fault.New(fault.Corrupt, "the inventory ends with %s, but %d objects of %d bytes came before", line[:min(len(line), 100)], sum.Objects, sum.Bytes)
	}
	if in.lines.Scan() {
		return fault.New(fault.Corrupt, "the inventory goes on behind its end")
	}
	return fault.While(in.lines.Err(), "read the inventory")
}
