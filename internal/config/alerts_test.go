package config

import (
	"strings"
	"testing"
	"time"
)

const channels = `alerts:
  channels:
    ops: {kind: webhook, url: https://hooks.example/x, secret: ${SIGNING}, minSeverity: critical}
    chat: {kind: slack, url: https://hooks.slack.com/services/T/B/token}
    mail: {kind: email, server: "mail:587", user: u, password: p, from: Lifeboat <l@example.com>, to: [a@example.com, b@example.com]}
    other: {kind: url, url: ntfy://ntfy.sh/topic}
  repeat: 6h
  runbooks: https://wiki.example/runbooks
  links: https://lifeboat.example
`

const signing = "SIGNING=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestChannelsOfAlerts(t *testing.T) {
	t.Parallel()
	c, err := Load(write(t, usable+channels), []string{signing})
	if err != nil {
		t.Fatal(err)
	}
	a := c.Alerts
	if a.Repeat.Of() != 6*time.Hour || a.Channels["ops"].MinSeverity != "critical" || a.Channels["chat"].MinSeverity != "warning" ||
		len(a.Channels["mail"].To) != 2 || a.Channels["ops"].Secret.Reveal() != strings.TrimPrefix(signing, "SIGNING=") {
		t.Errorf("%+v", a)
	}
	if ops, chat := a.Channels["ops"], a.Channels["chat"]; ops.Takes("warning") || !ops.Takes("critical") || !chat.Takes("warning") {
		t.Error("channels take the wrong severities")
	}
	without, err := Load(write(t, usable), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(without.Alerts.Channels) != 0 || without.Fingerprint() != c.Fingerprint() {
		t.Errorf("without a section: %+v; who is told changes what a drill has proven: %v", without.Alerts, without.Fingerprint() != c.Fingerprint())
	}
	for repeat, want := range map[string]time.Duration{"": 24 * time.Hour, "  repeat: 0s\n": 0} {
		c, err := Load(write(t, usable+strings.Replace(channels, "  repeat: 6h\n", repeat, 1)), []string{signing})
		if err != nil || c.Alerts.Repeat.Of() != want {
			t.Errorf("%q: %v, %v", repeat, c.Alerts.Repeat, err)
		}
	}
}

func TestBadChannels(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, want string }{
		"kind":            {"kind: slack", "kind: pigeon", `13: alerts.channels.chat.kind "pigeon" must be one of webhook, slack, email, url`},
		"severity":        {"minSeverity: critical", "minSeverity: dire", `12: alerts.channels.ops.minSeverity "dire" must be warning or critical`},
		"unsigned":        {", secret: ${SIGNING}", "", `12: alerts.channels.ops.secret is missing: kind webhook needs it`},
		"short secret":    {"${SIGNING}", "whsec_c2hvcnQ=", `12: alerts.channels.ops.secret must be whsec_ and 24 to 64 random bytes in base64`},
		"foreign setting": {"kind: slack,", "kind: slack, to: [x@example.com],", `13: alerts.channels.chat.to means nothing for kind slack`},
		"no recipient":    {", to: [a@example.com, b@example.com]", "", `14: alerts.channels.mail.to is missing: kind email needs it`},
		"recipient":       {"b@example.com", "nobody", `14: alerts.channels.mail.to.1 is not a mail address`},
		"half a login":    {"password: p, ", "", `14: alerts.channels.mail needs user and password together, or neither`},
		"mail server":     {"mail:587", "mail", `14: alerts.channels.mail.server "mail" must be HOST:PORT`},
		"address":         {"https://hooks.slack.com", "hooks.slack.com", `13: alerts.channels.chat.url must be like https://HOST/PATH`},
		"service":         {"ntfy://ntfy.sh/topic", "ntfy", `15: alerts.channels.other.url must be a service as shoutrrr writes it`},
		"too often":       {"repeat: 6h", "repeat: 1m", `16: alerts.repeat is 1m0s; it must be 0, for never, or at least 5m0s`},
		"links":           {"links: https://lifeboat", "links: https://me:pw@lifeboat", `18: alerts.links must be like https://HOST/PATH`},
		"unknown":         {"kind: slack", "kid: slack", `13: unknown key "kid" in alerts.channels.chat; known are caFile, from, `},
	} {
		_, err := Load(write(t, usable+strings.Replace(channels, c.old, c.new, 1)), []string{signing})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "MfKQ9") || strings.Contains(err.Error(), "token") {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestAChannelByVariablesAlone(t *testing.T) {
	t.Parallel()
	for address, c := range map[string]struct{ secret, kind string }{
		"https://hooks.example/x":                   {strings.TrimPrefix(signing, "SIGNING="), ChannelWebhook},
		"https://hooks.slack.com/services/T/B/name": {"", ChannelSlack},
		"ntfy://ntfy.sh/topic":                      {"", ChannelURL},
	} {
		env := environment{"LIFEBOAT_ALERT_URL": address, "LIFEBOAT_ALERT_SECRET": c.secret}
		got, found := &Config{origins: origins{}}, &problems{}
		alertVariables(env, got, found)
		if channel := got.Alerts.Channels["default"]; channel.Kind != c.kind || channel.URL.Reveal() != address || found.err() != nil {
			t.Errorf("%s: %+v, %v", address, channel, found.err())
		}
	}
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		every time.Duration
		want  string
	}{
		{"", 0, ""},
		{"{url: https://beats.example/token}", time.Minute, ""},
		{"{url: https://beats.example/token, every: 5m}", 5 * time.Minute, ""},
		{"{url: beats.example/token}", 0, "11: alerts.heartbeat.url must be like https://HOST/PATH"},
		{"{url: https://beats.example/token, every: 10s}", 0, "11: alerts.heartbeat.every is 10s; it must be at least 30s"},
		{"{url: https://beats.example/token, every: 0s}", 0, "11: alerts.heartbeat.every is 0s; it must be at least 30s"},
		{"{every: 1m}", 0, "11: alerts.heartbeat.url is missing"},
	} {
		text := usable
		if c.text != "" {
			text += "alerts:\n  heartbeat: " + c.text + "\n"
		}
		got, err := Load(write(t, text), nil)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "token") {
				t.Errorf("%s: %v, want %s", c.text, err, c.want)
			}
			continue
		}
		if err != nil || got.Alerts.Heartbeat.Every.Of() != c.every {
			t.Errorf("%s: %+v, %v", c.text, got, err)
		}
	}
}
