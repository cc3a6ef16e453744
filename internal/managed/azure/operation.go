package azure

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

func (s *Service) keep(name string, begun *operation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under[name] = begun
}

func (s *Service) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.under, name)
}

// follow looks at the operation that makes a server, if this process has begun
// one: whether it still runs, or why it has failed.
func (s *Service) follow(ctx context.Context, name string) (failure string, running bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	begun := s.under[name]
	if begun == nil {
		return "", false, nil
	}
	doing := "follow the restore to " + name
	if _, err := begun.Poll(ctx); err != nil { //nolint:bodyclose // the operation has read it, and keeps it
		return "", false, s.fault(err, doing)
	}
	if !begun.Done() {
		return "", true, nil
	}
	_, err = begun.Result(ctx)
	if response, ok := errors.AsType[*azcore.ResponseError](err); ok {
		return failureOf(response), false, nil
	}
	return "", false, s.fault(err, doing)
}

// failureOf is what an operation says about its failure, in one line.
func failureOf(e *azcore.ResponseError) string {
	if text := explanation(e); text != "" {
		return e.ErrorCode + ", " + text
	}
	return e.ErrorCode
}

// explanation is the message in an answer of Resource Manager, in one line. The
// library's own text has many, and the request's URL.
func explanation(e *azcore.ResponseError) string {
	if e.RawResponse == nil {
		return ""
	}
	body, err := runtime.Payload(e.RawResponse)
	if err != nil {
		return ""
	}
	var answer struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return ""
	}
	return strings.Join(strings.Fields(answer.Error.Message), " ")
}
