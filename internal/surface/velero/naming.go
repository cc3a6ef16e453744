package velero

import (
	"regexp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

const (
	// maxBase is how long a name may be that something is still put behind.
	maxBase = 40
	// digestLength is enough for two names to differ.
	digestLength = 10
	// randomLength tells two Backups of one second apart.
	randomLength = 4
)

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// base makes a short name of Kubernetes from any text. Texts that would make
// the same name are told apart.
func base(text string) string {
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(text), "-"), "-")
	if name == text && len(name) <= maxBase {
		return name
	}
	if room := maxBase - digestLength - 1; len(name) > room {
		name = strings.TrimRight(name[:room], "-")
	}
	return strings.TrimLeft(name+"-"+seal.SHA256([]byte(text))[:digestLength], "-")
}

// backupName is that of a new Backup of a surface.
func backupName(surfaceName string, now time.Time) string {
	return base(surfaceName) + "-" + now.UTC().Format("20060102150405") + "-" + strings.ToLower(seal.RandomID(randomLength))
}

// labelValue is what Velero writes into a label for a name: the name, or its
// beginning with a digest where it is too long.
func labelValue(name string) string {
	const digest = 6
	if len(name) <= validation.LabelValueMaxLength {
		return name
	}
	return name[:validation.LabelValueMaxLength-digest] + seal.SHA256([]byte(name))[:digest]
}

// environmentLabel is the value of cluster.LabelEnvironment for an ID.
func environmentLabel(id string) string {
	if len(validation.IsValidLabelValue(id)) == 0 {
		return id
	}
	return base(id)
}
