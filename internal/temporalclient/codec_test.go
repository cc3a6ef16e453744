package temporalclient_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/temporalclient"
)

func secrets(texts ...secret.String) []secret.String { return texts }

var (
	binaryKey = secret.String(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)))
	phrase    = secret.String("correct horse battery staple")
)

func dataConverter(t *testing.T, key secret.String, old ...secret.String) converter.DataConverter {
	t.Helper()
	c, err := temporalclient.Options{CodecKey: key, OldCodecKeys: old}.Converter()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func encode(t *testing.T, c converter.DataConverter) *commonpb.Payload {
	t.Helper()
	p, err := c.ToPayload("the surface main")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCodec(t *testing.T) {
	t.Parallel()
	plain := encode(t, dataConverter(t, ""))
	first := encode(t, dataConverter(t, binaryKey))
	second := encode(t, dataConverter(t, binaryKey))
	phrased := encode(t, dataConverter(t, phrase))
	if !bytes.Contains(plain.GetData(), []byte("surface")) {
		t.Fatal("without a key the payload should be readable")
	}
	if raw, err := proto.Marshal(first); err != nil || bytes.Contains(raw, []byte("surface")) || bytes.Contains(raw, []byte("json")) {
		t.Errorf("the encrypted payload shows its content: %q %v", raw, err)
	}
	if bytes.Equal(first.GetData(), second.GetData()) {
		t.Error("the same value was encrypted twice to the same bytes")
	}

	altered := proto.CloneOf(first)
	altered.Data[len(altered.Data)-1] ^= 1
	short := proto.CloneOf(first)
	short.Data = short.Data[:10]
	renamed := proto.CloneOf(first)
	renamed.Metadata["encryption-key-id"] = phrased.GetMetadata()["encryption-key-id"]
	cases := map[string]struct {
		payload *commonpb.Payload
		reader  converter.DataConverter
		kind    fault.Kind
	}{
		"its key":                {payload: first, reader: dataConverter(t, binaryKey)},
		"a passphrase":           {payload: phrased, reader: dataConverter(t, phrase)},
		"an old key":             {payload: first, reader: dataConverter(t, phrase, binaryKey)},
		"never encrypted":        {payload: plain, reader: dataConverter(t, binaryKey)},
		"an unknown key":         {first, dataConverter(t, phrase), fault.Denied},
		"an altered payload":     {altered, dataConverter(t, binaryKey), fault.Corrupt},
		"a truncated payload":    {short, dataConverter(t, binaryKey), fault.Corrupt},
		"under another key's ID": {renamed, dataConverter(t, binaryKey, phrase), fault.Corrupt},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got string
			err := c.reader.FromPayload(c.payload, &got)
			switch {
			case c.kind == "" && (err != nil || got != "the surface main"):
				t.Errorf("read %q, %v", got, err)
			case c.kind != "" && !fault.Is(err, c.kind):
				t.Errorf("got %v (%s), want fault.%s", err, fault.KindOf(err), c.kind)
			case c.kind != "" && strings.Contains(err.Error(), string(phrase)):
				t.Errorf("the error shows a key: %v", err)
			}
		})
	}
}
