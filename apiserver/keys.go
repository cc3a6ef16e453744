package apiserver

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
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
	e := audit.Entry{Action: createKeyAction, Target: key.ID, Result: audit.Done, Detail: "role " + string(key.Role)}
	s.Record(ctx, e)
	s.attest(ctx, e)
	return &createKeyOutput{Body: NewKey{key, token.Reveal()}}, nil
}

func (s *Server) deleteKey(ctx context.Context, in *PathID) (*struct{}, error) {
	if err := s.keys.Delete(in.ID); err != nil {
		return nil, s.failed(ctx, deleteKeyAction, in.ID, err)
	}
	e := audit.Entry{Action: deleteKeyAction, Target: in.ID, Result: audit.Done}
	s.Record(ctx, e)
	s.attest(ctx, e)
	return nil, nil
}

// attest puts a change of keys into the ledger, too: what workflows do, they
// put there themselves. A ledger that can't be written to leaves it to the log.
func (s *Server) attest(ctx context.Context, e audit.Entry) {
	if s.ledger == nil || !s.ledger.Writable() {
		return
	}
	e.Time = time.Now().UTC()
	e.Actor, e.Role, e.RequestID = identityOf(ctx).ID, string(identityOf(ctx).Role), requestOf(ctx).id
	_, err := s.ledger.Append(context.WithoutCancel(ctx), evidence.Entry{
		ID: "audit/" + e.Action + "/" + e.RequestID, Kind: "audit." + e.Action, Actor: e.Actor, Subject: e.Target, Since: e.Time, Body: e,
	})
	if err != nil {
		s.log.ErrorContext(ctx, "a change of keys is not in the ledger", "error", err, "action", e.Action, "target", e.Target)
	}
}
