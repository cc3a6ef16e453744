package surface

import (
	"errors"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Repository is the Git repository of a surface of kind git.
type Repository struct {
	// URL is the remote: https://USER:TOKEN@HOST/PATH, http:// without
	// credentials, ssh://USER@HOST/PATH, USER@HOST:PATH, or a folder as
	// file:///PATH or /PATH.
	URL secret.String `yaml:"url" json:"url"`
	// Ref is the branch or tag in force, by its short or its full name; empty
	// means what HEAD of the remote points to.
	Ref string `yaml:"ref,omitempty" json:"ref,omitempty"`
	// SSHKeyFile and KnownHostsFile are absolute paths, for remotes by SSH;
	// empty means the files in the account's own ~/.ssh.
	SSHKeyFile     string `yaml:"sshKeyFile,omitempty" json:"sshKeyFile,omitempty"`
	KnownHostsFile string `yaml:"knownHostsFile,omitempty" json:"knownHostsFile,omitempty"`
	// Paths are the files and folders that matter, such as values.yaml: a point
	// says of each what it was, and is partial where one is missing. Empty means
	// all. The whole history is in the point either way.
	Paths []string `yaml:"paths,omitempty" json:"paths,omitempty"`
}

// GitRemote is a remote by what git is told of it.
type GitRemote struct {
	// Scheme is file, http, https or ssh.
	Scheme string
	// Address is what git takes as the remote. It holds no password. Folder is
	// the path where it is one on this host.
	Address, Folder string
	// Host is empty for a folder. User and Password are those of http and https.
	Host, User string
	Password   secret.String
}

// errRemote repeats nothing of a URL, which may hold a token.
var errRemote = errors.New("url must be like https://USER:TOKEN@HOST/PATH, ssh://USER@HOST/PATH, USER@HOST:PATH or /PATH")

// Remote reads the URL. Its error is a sentence that begins with url.
func (c *Repository) Remote() (GitRemote, error) {
	text := c.URL.Reveal()
	if filepath.IsAbs(text) {
		return GitRemote{Scheme: "file", Address: (&url.URL{Scheme: "file", Path: text}).String(), Folder: text}, nil
	}
	if !strings.Contains(text, "://") {
		// As scp has it, the path may be relative to a home: git is told it in the same words.
		host, at, found := strings.Cut(text, ":")
		if _, name, named := strings.Cut(host, "@"); named {
			host = name
		}
		if !found || host == "" || at == "" || strings.HasPrefix(text, "-") || strings.ContainsAny(text, " \t\r\n") || strings.Contains(host, "/") {
			return GitRemote{}, errRemote
		}
		return GitRemote{Scheme: "ssh", Address: text, Host: host}, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Fragment != "" {
		return GitRemote{}, errRemote
	}
	password, hasPassword := u.User.Password()
	out := GitRemote{Scheme: u.Scheme, Host: u.Host}
	switch u.Scheme {
	case "file":
		if u.Host != "" || !filepath.IsAbs(u.Path) {
			return GitRemote{}, errors.New("url must be like file:///PATH for a folder")
		}
		out.Folder = u.Path
	case "ssh":
		if hasPassword {
			return GitRemote{}, errors.New("url must hold no password for ssh: set sshKeyFile")
		}
	case "https", "http":
		if u.User != nil && u.Scheme == "http" {
			return GitRemote{}, errors.New("url must begin with https:// where it holds credentials")
		}
		if u.User != nil {
			out.User, out.Password, u.User = u.User.Username(), secret.String(password), nil
		}
	default:
		return GitRemote{}, errRemote
	}
	if u.Scheme != "file" && (u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-")) {
		return GitRemote{}, errRemote
	}
	out.Address = u.String()
	return out, nil
}

// mostPaths is how many bytes all paths may have: they travel with each point.
const mostPaths = 2 << 10

func (c *Repository) problems() []Problem {
	var wrong []Problem
	say := func(setting, text string) { wrong = append(wrong, Problem{setting, text}) }
	remote, err := c.Remote()
	if err != nil {
		say("url", err.Error())
	}
	if strings.HasPrefix(c.Ref, "-") || strings.ContainsAny(c.Ref, " \t\r\n~^:?*[\\") || strings.Contains(c.Ref, "..") {
		say("ref", "ref must be the name of a branch or a tag")
	}
	for _, file := range []struct{ setting, path string }{{"sshKeyFile", c.SSHKeyFile}, {"knownHostsFile", c.KnownHostsFile}} {
		switch {
		case file.path == "":
		case remote.Scheme != "ssh" && err == nil:
			say(file.setting, file.setting+" means nothing for a remote that is not reached by SSH")
		case !filepath.IsAbs(file.path):
			say(file.setting, file.setting+" must be an absolute path")
		case strings.ContainsAny(file.path, "\"'\\%$\t\r\n"):
			// ssh reads options of its own in them.
			say(file.setting, file.setting+" must be a path without quotes, \\, % and $")
		}
	}
	size := 0
	for i, one := range c.Paths {
		size += len(one)
		clean := path.Clean(one)
		if one == "" || clean == "." || path.IsAbs(one) || clean == ".." || strings.HasPrefix(clean, "../") || strings.HasPrefix(one, ":") {
			say("paths", "paths must be relative to the top of the repository, such as values.yaml")
			break
		}
		if slices.Contains(c.Paths[:i], one) {
			say("paths", "paths must name each path once")
			break
		}
	}
	if size > mostPaths {
		say("paths", "paths must be shorter, 2 KiB in all: name the folders that they are in")
	}
	return wrong
}
