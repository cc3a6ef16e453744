package temporalclient

import (
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// What an encrypted payload says about itself.
const (
	encodingSealed = "binary/encrypted"
	metadataKeyID  = "encryption-key-id"
)

// Converter returns how these options turn values into payloads. Whoever makes
// payloads without the client uses it, so that they are encrypted alike.
func (o Options) Converter() (converter.DataConverter, error) {
	data, _, err := o.converters()
	return data, err
}

func (o Options) converters() (converter.DataConverter, converter.FailureConverter, error) {
	plain := converter.GetDefaultDataConverter()
	if o.CodecKey == "" {
		if len(o.OldCodecKeys) > 0 {
			return nil, nil, fault.New(fault.Invalid, "temporal.oldCodecKeys needs temporal.codecKey")
		}
		return plain, temporal.GetDefaultFailureConverter(), nil
	}
	c, err := newCodec(o.CodecKey, o.OldCodecKeys)
	if err != nil {
		return nil, nil, err
	}
	data := converter.NewCodecDataConverter(plain, c)
	return data, temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter: data,
		// Messages and stack traces of failures may quote what is encrypted elsewhere.
		EncodeCommonAttributes: true,
	}), nil
}

// codec encrypts payloads with its newest key and reads those of all its keys.
type codec struct {
	newest *seal.PayloadKey
	byID   map[string]*seal.PayloadKey
}

func newCodec(key secret.String, old []secret.String) (*codec, error) {
	newest, err := seal.NewPayloadKey(key)
	if err != nil {
		return nil, fault.While(err, "temporal.codecKey")
	}
	c := &codec{newest: newest, byID: map[string]*seal.PayloadKey{newest.ID(): newest}}
	for i, text := range old {
		k, err := seal.NewPayloadKey(text)
		if err != nil {
			return nil, fault.While(err, "temporal.oldCodecKeys[%d]", i)
		}
		c.byID[k.ID()] = k
	}
	return c, nil
}

// Encode implements converter.PayloadCodec. The metadata of a payload is encrypted with it.
func (c *codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return each(payloads, func(p *commonpb.Payload) (*commonpb.Payload, error) {
		plain, err := proto.Marshal(p)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "encoding a payload")
		}
		return &commonpb.Payload{
			Metadata: map[string][]byte{
				converter.MetadataEncoding: []byte(encodingSealed),
				metadataKeyID:              []byte(c.newest.ID()),
			},
			Data: c.newest.Seal(plain),
		}, nil
	})
}

// Decode implements converter.PayloadCodec. What was never encrypted is passed on.
func (c *codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return each(payloads, func(p *commonpb.Payload) (*commonpb.Payload, error) {
		if string(p.GetMetadata()[converter.MetadataEncoding]) != encodingSealed {
			return p, nil
		}
		id := string(p.GetMetadata()[metadataKeyID])
		key, ok := c.byID[id]
		if !ok {
			return nil, fault.New(fault.Denied, "a payload is encrypted with key %s, which is not configured: add it to temporal.oldCodecKeys", quoteID(id))
		}
		plain, err := key.Open(p.GetData())
		if err != nil {
			return nil, err
		}
		var opened commonpb.Payload
		if err := proto.Unmarshal(plain, &opened); err != nil {
			return nil, fault.Wrap(fault.Corrupt, err, "decoding a payload")
		}
		return &opened, nil
	})
}

// quoteID shows a key's name as it came from outside, but not at any length.
func quoteID(id string) string {
	const longest = 32
	if len(id) > longest {
		id = id[:longest]
	}
	return fmt.Sprintf("%q", id)
}

func each(payloads []*commonpb.Payload, change func(*commonpb.Payload) (*commonpb.Payload, error)) ([]*commonpb.Payload, error) {
	changed := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		var err error
		if changed[i], err = change(p); err != nil {
			return nil, err
		}
	}
	return changed, nil
}
