package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

func TestNothingPrintsASecret(t *testing.T) {
	t.Parallel()
	const value = "hunter2"
	held := struct {
		Password secret.String
		List     []secret.String
	}{value, []secret.String{value}}
	asJSON, err := json.Marshal(held)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(held)
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "password", held.Password, "all", held)
	for name, text := range map[string]string{
		"%v": fmt.Sprintf("%v", held), "%+v": fmt.Sprintf("%+v", held), "%#v": fmt.Sprintf("%#v", held),
		"%s": held.Password.String(), "%q": fmt.Sprintf("%q", held.Password),
		"JSON": string(asJSON), "YAML": string(asYAML), "log": logged.String(),
	} {
		if strings.Contains(text, value) || !strings.Contains(text, "redacted") {
			t.Errorf("%s shows %s", name, text)
		}
	}
	if held.Password.Reveal() != value {
		t.Error("the value can't be had")
	}
	if secret.String("").String() != "" {
		t.Error("an empty secret looks like one")
	}
}
