package drill

import (
	"strings"
	"testing"
)

const book = `---
title: Recovery
---
# Recovery of the shop

Do not restart the queue by hand. If the api does not start, restart the api
by hand and **wait** for it.

## Point the DNS at the standby

1. Run ` + "`kubectl rollout restart deployment/api --force`" + ` on the bastion.
2. [ ] Ask the *network* team to open [the firewall](https://example.com/fw).
   - Call Anna
10) Remove the old volume; then mount the new one.

> Tell the customers that
> we are back.

| step | who |
|------|-----|
| Renew the certificate of the proxy | ops |

` + "```sh\npg_ctl stop -D /data # then\nps aux | grep postgres | wc -l\n```" + `

<!-- Delete the audit log first -->
Never
delete the production bucket.
`

func TestDocumented(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"Restart the api by hand and wait for it":              true,
		"  restart THE **api** by hand\n":                      true,
		"Point the DNS at the standby":                         true,
		"- point the `DNS` at the standby.":                    true,
		"kubectl rollout restart deployment/api --force":       true,
		"Run `kubectl rollout restart deployment/api --force`": true,
		"ask the network team to open the firewall":            true,
		"3. Ask the network team, to open \"the firewall\"":    true,
		"Remove the old volume":                                true,
		"Remove the old volume; then mount the new one":        true,
		"Tell the customers that we are back":                  true,
		"Renew the certificate of the proxy":                   true,
		"pg_ctl stop -D /data":                                 true,
		"ps aux | grep postgres | wc -l":                       true,
		"call Anna":                                            true,
		"Call anna.":                                           true,
		"ops":                                                  true,
		"Remove the old volume\n\nTell the customers":          true,
		"":                                       false,
		" \n- \n":                                false,
		"...":                                    false,
		"restart":                                false,
		"the api":                                false,
		"Anna":                                   false,
		"restart the queue by hand":              false,
		"delete the production bucket":           false,
		"Delete the audit log first":             false,
		"kubectl rollout restart deployment/api": true,
		"kubectl rollout restart deployment/web": false,
		"restart the apis by hand":               false,
		"Remove the old volume then mount the new one":             true,
		"Remove the old volume\n\nTell the police about it":        false,
		"network team to open the firewall call Anna":              false,
		"Renew the certificate of the proxy ops":                   false,
		"the standby Run kubectl rollout restart deployment/api":   false,
		"example.com/fw was opened":                                false,
		"restart the api by hand\n\nand drop the customers table!": false,
	} {
		if got := Documented(book, text); got != want {
			t.Errorf("Documented(%q) = %v", text, got)
		}
	}
	if Documented("", "restart the api by hand") {
		t.Error("an empty runbook documents nothing")
	}
	if !Documented("restart the api by hand\r\nor leave it\r\n", "Restart the API by hand") {
		t.Error("plain text with other line ends")
	}
}

func FuzzDocumented(f *testing.F) {
	f.Add(book, "Remove the old volume")
	f.Add("- a b c", "a b c")
	f.Add("```\na | b", "> 1. x\n\n| y |")
	f.Add("<!-- a b c", "a b c")
	f.Fuzz(func(t *testing.T, runbook, text string) {
		if len(runbook)+len(text) > 10_000 {
			t.Skip()
		}
		step := plain(text)
		if (step != "") != Documented(text, text) {
			t.Errorf("%q is not in itself", text)
		}
		if !Documented(runbook, text) {
			return
		}
		// Nothing is found of which a word is missing.
		all := " " + plain(runbook) + " "
		for w := range strings.FieldsSeq(step) {
			if !strings.Contains(all, " "+w+" ") {
				t.Errorf("%q is found, and %q is not in it", text, w)
			}
		}
	})
}
