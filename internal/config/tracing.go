package config

import "net/url"

// Tracing says where traces go, by OpenTelemetry's protocol. Without it, and
// without the standard variables OTEL_EXPORTER_OTLP_ENDPOINT and the like, there
// are none.
type Tracing struct {
	// Endpoint is the URL of a collector, such as http://collector:4318.
	Endpoint string `yaml:"endpoint" json:"endpoint,omitempty"`
}

func (v *validator) tracing() {
	text := v.c.Tracing.Endpoint
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		v.refuse("tracing.endpoint", "tracing.endpoint %q must be a URL such as http://collector:4318", text)
	}
}
