package gitconfig

import (
	"encoding/base64"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// remote is the repository that is protected, and how git gets there.
type remote struct {
	address string
	// folder is its path where it is one on this host.
	folder string
	// options are those of fetch and ls-remote.
	options   []string
	env, hide []string
}

func newRemote(c surface.Config) (remote, error) {
	at, err := c.Repository.Remote()
	if err != nil {
		return remote{}, fault.New(fault.Invalid, "%v", err)
	}
	r := remote{address: at.Address, folder: at.Folder}
	switch at.Scheme {
	case "file":
		// It may belong to another account of this host, and the one that reads it
		// is told no settings of the one that asks.
		r.options = []string{"--upload-pack=git -c 'safe.directory=*' upload-pack"}
	case "ssh":
		r.env = append(r.env, "GIT_SSH_COMMAND="+sshCommand(c.Repository), "GIT_SSH_VARIANT=ssh")
	case "http", "https":
		for name, file := range map[string]string{"GIT_SSL_CAINFO": c.CAFile, "GIT_SSL_CERT": c.CertFile, "GIT_SSL_KEY": c.KeyFile} {
			if file != "" {
				r.env = append(r.env, name+"="+file)
			}
		}
		if at.User != "" || at.Password != "" {
			// In the environment, which other users of the host can't read, and for this host alone.
			login := base64.StdEncoding.EncodeToString([]byte(at.User + ":" + at.Password.Reveal()))
			r.env = append(r.env, "GIT_CONFIG_COUNT=1",
				"GIT_CONFIG_KEY_0=http."+at.Scheme+"://"+at.Host+"/.extraHeader",
				"GIT_CONFIG_VALUE_0=Authorization: Basic "+login)
			r.hide = append(r.hide, login)
			for _, text := range []string{at.Password.Reveal(), at.User} {
				// A token may stand in either place; a short name is none, and part of other words.
				if len(text) >= 6 {
					r.hide = append(r.hide, text)
				}
			}
		}
	}
	return r, nil
}

// sshCommand is how git runs ssh: no agent, no configuration of the account, no
// question asked, and no host whose key is not known.
func sshCommand(c *surface.Repository) string {
	words := []string{
		"ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
		"-o", "ConnectTimeout=30", "-o", "ServerAliveInterval=15", "-o", "ClearAllForwardings=yes",
	}
	if c.KnownHostsFile != "" {
		words = append(words, "-o", `'UserKnownHostsFile="`+c.KnownHostsFile+`"'`, "-o", "GlobalKnownHostsFile=/dev/null")
	}
	if c.SSHKeyFile != "" {
		words = append(words, "-o", "IdentitiesOnly=yes", "-i", "'"+c.SSHKeyFile+"'")
	}
	return strings.Join(words, " ")
}
