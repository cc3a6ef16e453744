package config

import (
	"cmp"
	"encoding/base64"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Alerts says who is told when something is wrong.
type Alerts struct {
	// Channels are where alerts are told, by name.
	Channels map[string]Channel `yaml:"channels" json:"channels,omitempty"`
	// Repeat is after how long a critical alert that still fires is told again;
	// 0 for never. Default 24 h.
	Repeat Duration `yaml:"repeat" json:"repeat"`
	// Runbooks is the URL below which the runbooks of alerts are, where they are
	// not those of the project.
	Runbooks string `yaml:"runbooks" json:"runbooks,omitempty"`
	// Links is the URL of the admin pages, as it goes into messages.
	Links string `yaml:"links" json:"links,omitempty"`
	// Heartbeat tells a service outside that Lifeboat watches, so that it alarms
	// when Lifeboat no longer does.
	Heartbeat Heartbeat `yaml:"heartbeat" json:"heartbeat,omitzero"`
}

// Heartbeat is the address of a dead man's switch.
type Heartbeat struct {
	// URL is what is asked for by HTTP GET while everything is watched and alerts
	// are handed on. It may hold tokens.
	URL secret.String `yaml:"url" json:"url,omitempty"`
	// Every is how often, 30 s or more. Default 1 min.
	Every Duration `yaml:"every" json:"every"`
	// CAFile is a PEM file with certificate authorities to trust besides the system's.
	CAFile string `yaml:"caFile" json:"caFile,omitempty"`
}

// The kinds of channels.
const (
	ChannelWebhook = "webhook"
	ChannelSlack   = "slack"
	ChannelEmail   = "email"
	// ChannelURL is any service that shoutrrr knows.
	ChannelURL = "url"
)

// channelKinds are the kinds of channels.
var channelKinds = []string{ChannelWebhook, ChannelSlack, ChannelEmail, ChannelURL}

// The severities of alerts.
const (
	severityWarning  = "warning"
	severityCritical = "critical"
)

const (
	// repeatDefault is Alerts.Repeat where it is not said, repeatLeast the least it may be.
	repeatDefault = 24 * time.Hour
	repeatLeast   = 5 * time.Minute
	// heartbeatDefault is Heartbeat.Every where it is not said, heartbeatLeast the
	// least it may be: more often nobody looks.
	heartbeatDefault = time.Minute
	heartbeatLeast   = 30 * time.Second
)

// Channel is where alerts are told.
type Channel struct {
	// Kind is ChannelWebhook, ChannelSlack, ChannelEmail or ChannelURL.
	Kind string `yaml:"kind" json:"kind"`
	// URL is the address of a webhook, or a service as shoutrrr writes it. It may hold tokens.
	URL secret.String `yaml:"url" json:"url,omitempty"`
	// Secret signs webhooks: whsec_ and 24 to 64 bytes in base64.
	Secret secret.String `yaml:"secret" json:"secret,omitempty"`
	// MinSeverity is warning (the default) or critical.
	MinSeverity string `yaml:"minSeverity" json:"minSeverity"`
	// Server is the HOST:PORT of a mail server; User and Password log in to it, by TLS alone.
	Server   string        `yaml:"server" json:"server,omitempty"`
	User     string        `yaml:"user" json:"user,omitempty"`
	Password secret.String `yaml:"password" json:"password,omitempty"`
	// From and To are mail addresses.
	From string   `yaml:"from" json:"from,omitempty"`
	To   []string `yaml:"to" json:"to,omitempty"`
	// CAFile is a PEM file with certificate authorities to trust besides the system's.
	CAFile string `yaml:"caFile" json:"caFile,omitempty"`
}

// Takes reports whether alerts of a severity are told by the channel.
func (c Channel) Takes(severity string) bool {
	return c.MinSeverity != severityCritical || severity == severityCritical
}

// given are the settings that a channel has, each with the kinds that it means something for.
func (c Channel) given() []setting {
	mailed := []string{ChannelEmail}
	return []setting{
		{"url", c.URL != "", []string{ChannelWebhook, ChannelSlack, ChannelURL}},
		{"secret", c.Secret != "", []string{ChannelWebhook}},
		{"server", c.Server != "", mailed}, {"user", c.User != "", mailed}, {"password", c.Password != "", mailed},
		{"from", c.From != "", mailed}, {"to", len(c.To) > 0, mailed},
		{"caFile", c.CAFile != "", []string{ChannelWebhook, ChannelSlack, ChannelEmail}},
	}
}

// setting is one that belongs to some kinds alone.
type setting struct {
	name  string
	set   bool
	kinds []string
}

func (v *validator) alerts() {
	a := v.c.Alerts
	if a.Repeat != 0 && a.Repeat.Of() < repeatLeast {
		v.refuse("alerts.repeat", "alerts.repeat is %s; it must be 0, for never, or at least %s", a.Repeat, repeatLeast)
	}
	for name, address := range map[string]string{"runbooks": a.Runbooks, "links": a.Links} {
		if address != "" && !webAddress(address) {
			v.refuse("alerts."+name, "alerts.%s must be like https://HOST/PATH, without credentials", name)
		}
	}
	for _, name := range sorted(a.Channels) {
		v.channel("alerts.channels."+name, a.Channels[name])
	}
	v.heartbeat(a.Heartbeat)
}

func (v *validator) heartbeat(h Heartbeat) {
	switch {
	case h.URL == "":
		if h != (Heartbeat{}) {
			v.refuse("alerts.heartbeat", "alerts.heartbeat.url is missing: it is the address of a service that alarms when it is no longer asked for")
		}
		return
	case !webAddress(h.URL.Reveal()):
		v.refuse("alerts.heartbeat.url", "alerts.heartbeat.url must be like https://HOST/PATH, without credentials")
	}
	if h.Every.Of() < heartbeatLeast {
		v.refuse("alerts.heartbeat.every", "alerts.heartbeat.every is %s; it must be at least %s", h.Every, heartbeatLeast)
	}
}

func (v *validator) channel(path string, c Channel) {
	if !slices.Contains(channelKinds, c.Kind) {
		v.refuse(path+".kind", "%s.kind %q must be one of %s", path, c.Kind, strings.Join(channelKinds, ", "))
		return
	}
	if c.MinSeverity != severityWarning && c.MinSeverity != severityCritical {
		v.refuse(path+".minSeverity", "%s.minSeverity %q must be %s or %s", path, c.MinSeverity, severityWarning, severityCritical)
	}
	optional := []string{"user", "password", "caFile"}
	for _, s := range c.given() {
		switch fits := slices.Contains(s.kinds, c.Kind); {
		case s.set && !fits:
			v.refuse(path+"."+s.name, "%s.%s means nothing for kind %s", path, s.name, c.Kind)
		case !s.set && fits && !slices.Contains(optional, s.name):
			v.refuse(path, "%s.%s is missing: kind %s needs it", path, s.name, c.Kind)
		}
	}
	if (c.Kind == ChannelWebhook || c.Kind == ChannelSlack) && c.URL != "" && !webAddress(c.URL.Reveal()) {
		v.refuse(path+".url", "%s.url must be like https://HOST/PATH, without credentials", path)
	}
	if c.Kind == ChannelURL && c.URL != "" && !strings.Contains(c.URL.Reveal(), "://") {
		v.refuse(path+".url", "%s.url must be a service as shoutrrr writes it, such as ntfy://HOST/TOPIC", path)
	}
	if c.Secret != "" && !signingSecret(c.Secret) {
		v.refuse(path+".secret", "%s.secret must be whsec_ and 24 to 64 random bytes in base64: "+
			"echo whsec_$(head -c 32 /dev/urandom | base64) makes one", path)
	}
	v.mailed(path, c)
}

// mailed checks what only mail has.
func (v *validator) mailed(path string, c Channel) {
	if c.Kind != ChannelEmail {
		return
	}
	if c.Server != "" {
		if err := hostPort(c.Server); err != "" {
			v.refuse(path+".server", "%s.server %s", path, err)
		}
	}
	if (c.User == "") != (c.Password == "") {
		v.refuse(path, "%s needs user and password together, or neither", path)
	}
	addresses := map[string]string{".from": c.From}
	for i, to := range c.To {
		addresses[".to."+strconv.Itoa(i)] = to
	}
	for _, at := range sorted(addresses) {
		if _, err := mail.ParseAddress(addresses[at]); err != nil && addresses[at] != "" {
			v.refuse(path+at, "%s%s is not a mail address", path, at)
		}
	}
}

// webAddress reports whether a text is an address of the web, without credentials.
func webAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

// signingSecret reports whether a secret is one as Standard Webhooks has them.
func signingSecret(s secret.String) bool {
	text, prefixed := strings.CutPrefix(s.Reveal(), "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	return prefixed && err == nil && len(key) >= 24 && len(key) <= 64
}

// completeAlerts fills in what is left to its default.
func completeAlerts(c *Config) {
	a := &c.Alerts
	if _, said := c.origins["alerts.repeat"]; !said && len(a.Channels) > 0 {
		a.Repeat = Duration(repeatDefault)
	}
	if _, said := c.origins["alerts.heartbeat.every"]; !said && a.Heartbeat.URL != "" {
		a.Heartbeat.Every = Duration(heartbeatDefault)
	}
	for name, channel := range a.Channels {
		channel.MinSeverity = cmp.Or(channel.MinSeverity, severityWarning)
		a.Channels[name] = channel
	}
}

// onlyChannel is the name of the channel that LIFEBOAT_ALERT_URL configures.
const onlyChannel = "default"

// alertVariables read the one channel that variables can configure: a webhook
// where there is a secret, Slack by the address that Slack gives out, else
// whatever shoutrrr knows.
func alertVariables(env environment, c *Config, found *problems) {
	address, _, err := env.lookup("LIFEBOAT_ALERT_URL")
	if err != nil {
		found.add("", "%s", err)
	}
	signing, _, err := env.lookup("LIFEBOAT_ALERT_SECRET")
	if err != nil {
		found.add("", "%s", err)
	}
	if address == "" {
		return
	}
	channel := Channel{Kind: ChannelURL, URL: secret.String(address), Secret: secret.String(signing)}
	switch {
	case signing != "":
		channel.Kind = ChannelWebhook
	case strings.HasPrefix(address, "https://hooks.slack.com/"):
		channel.Kind = ChannelSlack
	}
	at := "alerts.channels." + onlyChannel
	c.origins[at], c.origins[at+".secret"] = "LIFEBOAT_ALERT_URL", "LIFEBOAT_ALERT_SECRET"
	c.Alerts.Channels = map[string]Channel{onlyChannel: channel}
}
