package redis

import (
	"context"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// library is one library of functions, which Redis has since 7.0.
type library struct{ name, engine, code string }

// functions lists the libraries of a server, none where it knows no such thing.
func (a address) functions(ctx context.Context, c session, own info) ([]library, error) {
	if !own.Since7 {
		return nil, nil
	}
	reply, err := c.Do(ctx, "FUNCTION", "LIST", "WITHCODE").Slice()
	if err != nil {
		return nil, a.failure(err, "list functions")
	}
	out := make([]library, len(reply))
	for n := range reply {
		fields := pairs(list(reply[n]))
		out[n] = library{text(fields["library_name"]), text(fields["engine"]), text(fields["library_code"])}
	}
	return out, nil
}

// libraryEntry is the fingerprint's entry for functions: the sum of XXH3-128 of
// frame(name) frame(engine) frame(code).
func libraryEntry(libraries []library) surface.Entry {
	var sum total
	for _, l := range libraries {
		h := hasher{*xxh3.New128()}
		h.frame(l.name)
		h.frame(strings.ToLower(l.engine))
		h.frame(l.code)
		sum.add(h.sum())
	}
	return surface.Entry{Kind: functionsKind, Name: "libraries", Count: int64(len(libraries)), Digest: sum.String()}
}

// copyFunctions brings all libraries over. With replace, others are removed.
func copyFunctions(ctx context.Context, from, to address, replace bool) error {
	source, target := from.open(ctx, 0), to.open(ctx, 0)
	defer source.Close()
	defer target.Close()
	sourceInfo, err := from.probe(ctx)
	if err != nil {
		return err
	}
	libraries, err := from.functions(ctx, source, sourceInfo)
	if err != nil {
		return err
	}
	targetInfo, err := to.probe(ctx)
	if err != nil {
		return err
	}
	switch {
	case !targetInfo.Since7 && len(libraries) == 0:
		return nil
	case !targetInfo.Since7:
		return fault.New(fault.Unsupported, "the snapshot has functions and %s %s knows none: restore into 7.0 or newer", targetInfo.Product, targetInfo.Version)
	case len(libraries) == 0 && replace:
		return to.failure(target.FunctionFlush(ctx).Err(), "remove functions")
	case len(libraries) == 0:
		return nil
	}
	payload, err := source.FunctionDump(ctx).Result()
	if err != nil {
		return from.failure(err, "dump functions")
	}
	policy := "REPLACE"
	if replace {
		policy = "FLUSH"
	}
	return to.failure(target.Do(ctx, "FUNCTION", "RESTORE", payload, policy).Err(), "restore functions")
}
