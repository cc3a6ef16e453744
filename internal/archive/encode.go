package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

// maxManifest is the largest manifest that is read: 64 MiB is room for more
// than 100,000 parts.
const maxManifest = 64 << 20

// envelope is the manifest's object. Digest is over Point's bytes as they stand there.
type envelope struct {
	Format int             `json:"format"`
	Digest string          `json:"digest"`
	Point  json.RawMessage `json:"point"`
}

func encodeManifest(m Manifest) ([]byte, error) {
	point, err := encodePoint(m)
	if err != nil {
		return nil, err
	}
	return encodeEnvelope(FormatVersion, seal.DigestOf(point), point), nil
}

// encodePoint writes compact JSON. Characters that matter to HTML stay as they
// are, so that what jq prints compactly is what was digested.
func encodePoint(m Manifest) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "encoding the manifest")
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// encodeEnvelope writes the one form that is accepted: point begins at byte
// 103 and ends one byte before the object's end.
func encodeEnvelope(format int, digest string, point []byte) []byte {
	out := make([]byte, 0, len(point)+128)
	out = append(out, `{"format":`...)
	out = strconv.AppendInt(out, int64(format), 10)
	out = append(out, `,"digest":"`...)
	out = append(out, digest...)
	out = append(out, `","point":`...)
	out = append(out, point...)
	return append(out, '}')
}

// decodeManifest reads a manifest strictly. A newer format is fault.Unsupported,
// everything else that is wrong with it fault.Corrupt.
func decodeManifest(data []byte) (Manifest, error) {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil || e.Format != FormatVersion {
		return Manifest{}, otherFormat(data)
	}
	if !bytes.Equal(data, encodeEnvelope(e.Format, e.Digest, e.Point)) {
		return Manifest{}, fault.New(fault.Corrupt, "it was reformatted: there is more in it than format, digest and point, or in another order")
	}
	if got := seal.DigestOf(e.Point); got != e.Digest {
		return Manifest{}, fault.New(fault.Corrupt, "it was altered: its digest is %s, it says %.80s", got, e.Digest)
	}
	var m Manifest
	if err := strictly(e.Point, &m); err != nil {
		return Manifest{}, fault.New(fault.Corrupt, "it is malformed: %s", jsonProblem(err))
	}
	if err := m.validate(); err != nil {
		return Manifest{}, fault.Wrap(fault.Corrupt, err, "it contradicts itself")
	}
	return m, nil
}

// otherFormat says why something isn't a manifest of this format. The version
// comes first: what else a newer one has is not for this reader to judge.
func otherFormat(data []byte) error {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return fault.New(fault.Corrupt, "it is not a manifest: %s", jsonProblem(err))
	}
	switch {
	case head.Format > FormatVersion:
		return fault.New(fault.Unsupported, "written by a newer Lifeboat (format %d); this one reads up to %d", head.Format, FormatVersion)
	case head.Format < 1:
		return fault.New(fault.Corrupt, "it is not a manifest: it has no format version")
	default:
		return fault.New(fault.Corrupt, "it is not a manifest: format, digest or point is of another type")
	}
}

func strictly(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

// jsonProblem keeps an error about hostile JSON short and on one line.
func jsonProblem(err error) string {
	text := fmt.Sprintf("%.200q", err.Error())
	return text[1 : len(text)-1]
}
