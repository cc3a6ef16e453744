package helm_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestTheReadmeExplainsEveryValue keeps the table of values in the chart's
// README as values.yaml has it: each value with its default, and the comment
// above it that begins with "--".
func TestTheReadmeExplainsEveryValue(t *testing.T) {
	t.Parallel()
	const begin, end = "<!-- values: made by go test ./tests/helm -update -->\n", "<!-- end of values -->"
	file := filepath.Join(chart(t), "README.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begun := strings.Cut(string(text), begin)
	_, tail, ended := strings.Cut(rest, end)
	if !begun || !ended {
		t.Fatalf("README.md has no place for the table: %q, %q", begin, end)
	}
	same(t, file, head+begin+table(t)+end+tail)
}

func table(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chart(t), "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| value | default | meaning |\n| --- | --- | --- |\n")
	rows(t, &b, "", document.Content[0])
	return b.String()
}

// rows writes one row for each value that a comment explains.
func rows(t *testing.T, b *strings.Builder, path string, of *yaml.Node) {
	t.Helper()
	for i := 0; i < len(of.Content); i += 2 {
		key, value := of.Content[i], of.Content[i+1]
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		_, comment, explained := strings.Cut("\n"+key.HeadComment, "\n# -- ")
		if !explained && value.Kind == yaml.MappingNode && len(value.Content) > 0 {
			rows(t, b, at, value)
			continue
		}
		if !explained {
			t.Errorf("values.yaml doesn't explain %s", at)
		}
		var is any
		if err := value.Decode(&is); err != nil {
			t.Fatal(err)
		}
		written, err := json.Marshal(is)
		if err != nil {
			t.Fatal(err)
		}
		meaning := strings.ReplaceAll(strings.ReplaceAll(comment, "\n# ", " "), "|", `\|`)
		b.WriteString("| `" + at + "` | `" + string(written) + "` | " + meaning + " |\n")
	}
}

// TestTheSchemaKnowsNoOtherValues holds the schema against values.yaml, the way
// round that Helm does not: what it allows is there.
func TestTheSchemaKnowsNoOtherValues(t *testing.T) {
	t.Parallel()
	read := func(name string) map[string]any {
		text, err := os.ReadFile(filepath.Join(chart(t), name))
		if err != nil {
			t.Fatal(err)
		}
		var out map[string]any
		if err := yaml.Unmarshal(text, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	schema, seen := read("values.schema.json"), 0
	var compare func(path string, of, values map[string]any)
	compare = func(path string, of, values map[string]any) {
		properties, _ := of["properties"].(map[string]any)
		for key, below := range properties {
			at := path + "." + key
			seen++
			value, there := values[key]
			// Helm passes "global" to every chart; matchExpressions stand beside matchLabels.
			if !there && at != ".global" && key != "matchExpressions" {
				t.Errorf("the schema allows %s, which values.yaml does not have", at)
			}
			if next, isMap := value.(map[string]any); isMap {
				compare(at, closed(schema, below.(map[string]any)), next)
			}
		}
	}
	compare("", schema, read("values.yaml"))
	if seen < 100 {
		t.Errorf("compared %d values", seen)
	}
}

// closed is a part of the schema that lists all of its properties, and is empty
// for what is Kubernetes' or Lifeboat's own.
func closed(schema, of map[string]any) map[string]any {
	if ref, is := of["$ref"].(string); is {
		of = schema["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	properties, _ := of["properties"].(map[string]any)
	if _, ofKubernetes := properties["limits"]; ofKubernetes || of["additionalProperties"] != false {
		return nil
	}
	return of
}
