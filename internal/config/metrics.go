package config

import "github.com/lifeboat-dr/lifeboat/internal/secret"

// minMetricsToken is how short a token for metrics may be: nothing slows down
// whoever tries many.
const minMetricsToken = 16

// Metrics says who may read /metrics.
type Metrics struct {
	// Token is what Prometheus has to show as a bearer token (RFC 6750). Without
	// one, whoever reaches the API server can read /metrics, which name surfaces,
	// policies and plans. LIFEBOAT_METRICS_TOKEN overrides it.
	Token secret.String `yaml:"token" json:"token,omitempty"`
}

func (v *validator) metrics() {
	if token := v.c.Metrics.Token; token != "" && len(token) < minMetricsToken {
		v.refuse("metrics.token", "metrics.token is too short: give at least %d characters (openssl rand -base64 32)", minMetricsToken)
	}
}
