package pages

import (
	"net/http"
	"net/url"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// alertsPage lists the alerts, all or some of them.
type alertsPage struct {
	At              time.Time      `json:"at"`
	Alerts          []status.Alert `json:"alerts"`
	State, Severity string         `json:"-"`
}

func (s *site) alerts(v *visit) error {
	data := alertsPage{State: v.QueryParam("state"), Severity: v.QueryParam("severity")}
	query := url.Values{}
	for name, value := range map[string]string{"state": data.State, "severity": data.Severity} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if err := v.ask(http.MethodGet, "/v1/alerts?"+query.Encode(), nil, &data); err != nil {
		return err
	}
	return v.render("alerts", data)
}
