package pages

import (
	"net/http"
	"net/url"

	"github.com/lifeboat-dr/lifeboat/apiserver"
)

// schedulesPage lists what is protected, and when something is done for it.
type schedulesPage struct {
	Surfaces []apiserver.Surface
	// SurfacesTrouble says why the surfaces can't be listed: a store that is away
	// is no reason not to show the schedules.
	SurfacesTrouble string
	Schedules       []apiserver.Schedule
}

func (s *site) schedules(v *visit) error {
	var data schedulesPage
	if err := v.ask(http.MethodGet, "/v1/schedules", nil, &data.Schedules); err != nil {
		return err
	}
	if err := v.ask(http.MethodGet, "/v1/surfaces", nil, &data.Surfaces); err != nil {
		data.SurfacesTrouble = err.Error()
	}
	return v.render("schedules", data)
}

// scheduleName is how the API names the schedule that a form is about: the same
// name may be that of a policy and of a plan.
func (v *visit) scheduleName() string { return v.Param("of") + ":" + v.Param("name") }

func (s *site) pauseSchedule(v *visit) error {
	body := struct {
		Reason string `json:"reason"`
	}{v.FormValue("reason")}
	if err := v.ask(http.MethodPost, schedulePath(v.scheduleName(), "pause"), body, nil); err != nil {
		return v.refused("/schedules", err)
	}
	return v.done("/schedules", v.Param("name")+" is paused.")
}

func (s *site) resumeSchedule(v *visit) error {
	if err := v.ask(http.MethodPost, schedulePath(v.scheduleName(), "resume"), nil, nil); err != nil {
		return v.refused("/schedules", err)
	}
	return v.done("/schedules", v.Param("name")+" goes on by its schedule.")
}

func (s *site) runSchedule(v *visit) error {
	var started apiserver.Started
	if err := v.ask(http.MethodPost, schedulePath(v.scheduleName(), "run"), nil, &started); err != nil {
		return v.refused("/schedules", err)
	}
	page := "/snapshots/"
	if v.Param("of") == apiserver.OfPlan {
		page = "/drills/"
	}
	return v.done(page+url.PathEscape(started.ID), v.Param("name")+" was started.")
}

func schedulePath(name, action string) string {
	return "/v1/schedules/" + url.PathEscape(name) + "/" + action
}
