package apiserver

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
)

type keysOutput struct {
	Body []Key `nullable:"false"`
}

func (s *Server) listKeys(context.Context, *struct{}) (*keysOutput, error) {
	keys, err := s.keys.List()
	return &keysOutput{Body: keys}, err
}

type createKeyInput struct {
	Body struct {
		ID   string `json:"id" minLength:"1" maxLength:"40" pattern:"^[a-z0-9-]+$"`
		Role Role   `json:"role" enum:"viewer,operator,approver,admin"`
	}
}

// NewKey is a key with the token that is shown this once.
type NewKey struct {
	Key
	Token string `json:"token" doc:"Send it as Authorization: Bearer. Only its hash is kept."`
}

type createKeyOutput struct{ Body NewKey }

const (
	createKeyAction = "key.create"
	deleteKeyAction = "key.delete"
)

func (s *Server) createKey(ctx context.Context, in *createKeyInput) (*createKeyOutput, error) {
	key, token, err := s.keys.Create(in.Body.ID, in.Body.Role)
	if err != nil {
		return nil, s.failed(ctx, createKeyAction, in.Body.ID, err)
	}
	s.attested(ctx, audit.Entry{Action: createKeyAction, Target: key.ID, Result: audit.Done, Detail: "role " + string(key.Role)})
	return &createKeyOutput{Body: NewKey{key, token.Reveal()}}, nil
}

func (s *Server) deleteKey(ctx context.Context, in *PathID) (*struct{}, error) {
	if err := s.keys.Delete(in.ID); err != nil {
		return nil, s.failed(ctx, deleteKeyAction, in.ID, err)
	}
	s.attested(ctx, audit.Entry{Action: deleteKeyAction, Target: in.ID, Result: audit.Done})
	return nil, nil
}
