package worker

import (
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// RestoredURL is the URL of a restored isolated server, with its password. It
// is opened with the configured key, or read on the host itself; it is Missing
// where neither can be done, or where the restore went elsewhere.
func (p *Parts) RestoredURL(r workflows.RestoreResult) (string, error) {
	if r.SealedURL != "" {
		url, err := p.Keys.OpenSecret(r.SealedURL)
		return url.Reveal(), err
	}
	if r.Host == "" || r.Host != Host(p.Config.DataDir) {
		return "", fault.New(fault.Missing, "the restored server's URL is known on host %s alone", r.Host)
	}
	server, err := p.Environment.Get(r.ID)
	if err != nil {
		return "", err
	}
	acts := p.Activities(nil, "")
	url, err := acts.IsolatedURL(r.Surface, server.URL)
	return url.Reveal(), err
}
