package velero

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// results are the messages of a Backup or Restore.
type results struct {
	Errors   messages `json:"errors,omitzero"`
	Warnings messages `json:"warnings,omitzero"`
}

type messages struct {
	Velero     []string            `json:"velero,omitempty"`
	Cluster    []string            `json:"cluster,omitempty"`
	Namespaces map[string][]string `json:"namespaces,omitempty"`
}

const (
	// maxResults bounds what is read of them.
	maxResults = 32 << 20
	// maxQuoted and maxMessage bound what an error repeats of them.
	maxQuoted  = 3
	maxMessage = 300
	// maxLines bounds what goes into a manifest of them.
	maxLines = 50
)

// lines are all messages, each in one line without the values that it quotes.
func (m messages) lines() []string {
	var out []string
	for _, text := range m.Velero {
		out = append(out, line(text))
	}
	for _, text := range m.Cluster {
		out = append(out, "cluster: "+line(text))
	}
	for _, namespace := range slices.Sorted(maps.Keys(m.Namespaces)) {
		for _, text := range m.Namespaces[namespace] {
			out = append(out, "namespace "+namespace+": "+line(text))
		}
	}
	return out
}

// few are the first lines, and how many there are more.
func (m messages) few(most int) []string {
	all := m.lines()
	if len(all) <= most {
		return all
	}
	return append(all[:most:most], fmt.Sprintf("%d more, see `velero backup describe` or `velero restore describe`", len(all)-most))
}

// API servers quote the fields that they refuse, and fields may be secret.
var quoted = regexp.MustCompile(`(Invalid|Unsupported|Duplicate) value: ("(?:[^"\\]|\\.)*"|[^:]*)`)

func line(text string) string {
	text = strings.Join(strings.Fields(quoted.ReplaceAllString(text, "$1 value")), " ")
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	return text
}

// results downloads the messages of a Backup or Restore.
func (v server) results(ctx context.Context, kind, name, locationName string) (results, error) {
	var out results
	err := v.fetch(ctx, kind, name, locationName, func(r io.Reader) error {
		text, err := io.ReadAll(io.LimitReader(r, maxResults))
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "read them")
		}
		return fault.Wrap(fault.Unsupported, json.Unmarshal(text, &out), "understand them")
	})
	return out, err
}

// outcome is what a Backup or Restore came to.
type outcome struct {
	kind, name, phase string
	errors, warnings  int
	reason            string
	validation        []string
}

func backupOutcome(b backup) outcome {
	s := b.Status
	return outcome{backups.kind, b.Name, s.Phase, s.Errors, s.Warnings, s.FailureReason, s.ValidationErrors}
}

func restoreOutcome(r restore) outcome {
	s := r.Status
	return outcome{restores.kind, r.Name, s.Phase, s.Errors, s.Warnings, s.FailureReason, s.ValidationErrors}
}

// failure is the error of an outcome other than Completed. found asks for its
// messages; that they can't be had does not hide the failure itself.
func (o outcome) failure(found func() (results, error)) error {
	text := fmt.Sprintf("Velero's %s %s is %s", o.kind, o.name, o.phase)
	if o.reason != "" {
		text += ": " + line(o.reason)
	}
	if len(o.validation) > 0 {
		var lines []string
		for _, one := range o.validation {
			lines = append(lines, line(one))
		}
		return fault.New(fault.Invalid, "%s: %s", text, strings.Join(lines, "; "))
	}
	text += fmt.Sprintf(" (%d errors, %d warnings)", o.errors, o.warnings)
	switch messages, err := found(); {
	case err != nil:
		text += ": its messages can't be read: " + fault.Line(err)
	case len(messages.Errors.lines()) > 0:
		text += ": " + strings.Join(messages.Errors.few(maxQuoted), "; ")
	}
	switch o.phase {
	case phaseFailedValidation:
		return fault.New(fault.Invalid, "%s", text)
	case phaseDeleting:
		return fault.New(fault.Lost, "%s", text)
	default:
		return fault.New(fault.Mismatch, "%s", text)
	}
}
