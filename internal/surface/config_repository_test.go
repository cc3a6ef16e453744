package surface_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func TestRemotesOfRepositories(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]surface.GitRemote{
		"/srv/git/my config":                     {Scheme: "file", Address: "file:///srv/git/my%20config", Folder: "/srv/git/my config"},
		"file:///srv/git/my%20config":            {Scheme: "file", Address: "file:///srv/git/my%20config", Folder: "/srv/git/my config"},
		"https://git.example.com/a/b.git":        {Scheme: "https", Address: "https://git.example.com/a/b.git", Host: "git.example.com"},
		"https://bot:T0K@git.example.com:8443/a": {Scheme: "https", Address: "https://git.example.com:8443/a", Host: "git.example.com:8443", User: "bot", Password: "T0K"},
		"https://T0K@git.example.com/a":          {Scheme: "https", Address: "https://git.example.com/a", Host: "git.example.com", User: "T0K"},
		"http://127.0.0.1:3000/a":                {Scheme: "http", Address: "http://127.0.0.1:3000/a", Host: "127.0.0.1:3000"},
		"ssh://git@git.example.com:2222/a/b":     {Scheme: "ssh", Address: "ssh://git@git.example.com:2222/a/b", Host: "git.example.com:2222"},
		"git@git.example.com:a/b.git":            {Scheme: "ssh", Address: "git@git.example.com:a/b.git", Host: "git.example.com"},
	} {
		got, err := (&surface.Repository{URL: secret.String(text)}).Remote()
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", text, err, diff)
		}
	}
}

func TestProblemsOfRepositories(t *testing.T) {
	t.Parallel()
	if wrong := repository(surface.Repository{
		URL: "git@host:a", Ref: "release/1.2", SSHKeyFile: "/etc/key", KnownHostsFile: "/etc/known hosts", Paths: []string{"values.yaml", "charts/"},
	}); len(wrong) > 0 {
		t.Errorf("%v", wrong)
	}
	const good = "https://host/a"
	for want, c := range map[string]surface.Repository{
		"repository.url url must be like":                          {URL: ""},
		"repository.url url must be like https":                    {URL: "ext::sh -c HIDDEN"},
		"repository.url url must be like https:":                   {URL: "git://host/HIDDEN"},
		"repository.url url must be like https:/":                  {URL: "-oProxyCommand=HIDDEN:a"},
		"repository.url url must be like https://":                 {URL: "ssh://-oProxyCommand=HIDDEN/a"},
		"repository.url url must be like https://U":                {URL: "./relative"},
		"repository.url url must be like file:///PATH":             {URL: "file://host/HIDDEN"},
		"repository.url url must hold no password for ssh":         {URL: "ssh://git:HIDDEN@host/a"},
		"repository.url url must begin with https:// where":        {URL: "http://bot:HIDDEN@host/a"},
		"repository.ref ref must be the name":                      {URL: good, Ref: "--upload-pack=x"},
		"repository.ref ref must be the name of":                   {URL: good, Ref: "main:other"},
		"repository.sshKeyFile sshKeyFile means nothing":           {URL: good, SSHKeyFile: "/key"},
		"repository.sshKeyFile sshKeyFile must be an absolute":     {URL: "a@b:c", SSHKeyFile: "key"},
		"repository.knownHostsFile knownHostsFile must be a path":  {URL: "a@b:c", KnownHostsFile: "/a'b"},
		"repository.paths paths must be relative":                  {URL: good, Paths: []string{"/values.yaml"}},
		"repository.paths paths must be relative to":               {URL: good, Paths: []string{"a/../../b"}},
		"repository.paths paths must be relative to the top":       {URL: good, Paths: []string{":(exclude)a"}},
		"repository.paths paths must name each path once":          {URL: good, Paths: []string{"a", "a"}},
		"repository.paths paths must be shorter, 2 KiB in all: na": {URL: good, Paths: []string{strings.Repeat("a", 3<<10)}},
	} {
		wrong := repository(c)
		if len(wrong) != 1 || !strings.HasPrefix(wrong[0], want) || strings.Contains(wrong[0], "HIDDEN") {
			t.Errorf("want %s\n got %q", want, wrong)
		}
	}
}

func repository(r surface.Repository) []string {
	var out []string
	for _, p := range (surface.Config{Kind: surface.KindGit, Repository: &r}).Problems() {
		out = append(out, p.Setting+" "+p.Text)
	}
	return out
}

// What git is told on its command line holds no password, and is no option.
func FuzzRemoteOfARepository(f *testing.F) {
	for _, text := range []string{"https://a:b@c/d", "a@b:c", "/x", "file:///x", "ssh://a@b/c", "http://a/b?c=d", "--x:y"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := (&surface.Repository{URL: secret.String(text)}).Remote()
		if err != nil {
			if len(text) > 24 && strings.Contains(err.Error(), text) {
				t.Errorf("the error repeats the URL: %v", err)
			}
			return
		}
		if strings.HasPrefix(got.Address, "-") || strings.HasPrefix(got.Host, "-") {
			t.Errorf("%q is an option: %+v", text, got)
		}
		login := fmt.Sprintf(":%s@", got.Password.Reveal())
		if got.Password != "" && strings.Contains(got.Address, login) {
			t.Errorf("%q: the address holds the password", text)
		}
	})
}
