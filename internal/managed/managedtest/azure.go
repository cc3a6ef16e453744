package managedtest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// What the double of Azure knows.
const (
	Subscription  = "0b1f6471-1bf0-4dda-aec3-cb9272f09590"
	ResourceGroup = "databases"
	TenantID      = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	ClientID      = "d0b0a5c0-36f6-4b2c-8a11-7c6c1f9a2b10"
	ClientSecret  = "s3cr3t~of-the-client"
	// Subnet and PrivateDNSZone are where the source is when it has private access.
	Subnet         = "/subscriptions/" + Subscription + "/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/db"
	PrivateDNSZone = "/subscriptions/" + Subscription + "/resourceGroups/net/providers/Microsoft.Network/privateDnsZones/db.private"

	token      = "a-token-of-the-double"
	apiVersion = "2024-08-01"
	location   = "westeurope"
	provider   = "/providers/Microsoft.DBforPostgreSQL"
	home       = "/subscriptions/" + Subscription + "/resourceGroups/" + ResourceGroup + provider + "/flexibleServers/"
	operations = "/subscriptions/" + Subscription + provider + "/locations/" + location + "/azureAsyncOperation/"
	results    = "/subscriptions/" + Subscription + provider + "/locations/" + location + "/operationResults/"
)

// Azure is a double of Azure Resource Manager with its flexible servers, API
// 2024-08-01, and of the authority that gives its tokens.
type Azure struct {
	*Cloud
	// Endpoint is the URL of both.
	Endpoint string
	// VisibleAfter is how often an operation must be looked at until the server
	// can be seen that it makes; 1 when it is set to nothing else.
	VisibleAfter atomic.Int32
	// Public gives the source public access instead of a private network.
	Public atomic.Bool
	ca     string
}

// NewAzure starts the double.
func NewAzure(cloud *Cloud) *Azure {
	cloud.t.Helper()
	double := &Azure{Cloud: cloud}
	double.VisibleAfter.Store(1)
	double.Endpoint, double.ca = serve(cloud.t, double)
	return double
}

// Config is that of the source.
func (d *Azure) Config() managed.Config {
	return managed.Config{
		Kind: managed.KindAzure, Instance: Source, Subscription: Subscription, ResourceGroup: ResourceGroup,
		TenantID: TenantID, ClientID: ClientID, ClientSecret: ClientSecret,
		Authority: d.Endpoint, Endpoint: d.Endpoint, CAFile: d.ca,
	}
}

// ahead is how far the service's clock is before this host's: the end of the
// window lags by as much, so that the tests need not wait for it.
const ahead = 5 * time.Minute

func (d *Azure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
	if strings.HasPrefix(r.URL.Path, "/"+TenantID+"/") {
		d.authority(w, r)
		return
	}
	server, isServer := strings.CutPrefix(r.URL.Path, home)
	operation, isOperation := strings.CutPrefix(r.URL.Path, operations)
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		w.Header().Set("WWW-Authenticate", `Bearer authorization_uri="`+d.Endpoint+"/"+TenantID+`"`)
		deny(w, http.StatusUnauthorized, "AuthenticationFailed", "Authentication failed.")
	case d.throttle():
		w.Header().Set("Retry-After", "1")
		deny(w, http.StatusTooManyRequests, "TooManyRequests", "The request was throttled.")
	case r.URL.Query().Get("api-version") != apiVersion:
		deny(w, http.StatusBadRequest, "InvalidApiVersionParameter", "The api-version is invalid.")
	case isOperation && r.Method == http.MethodGet:
		d.operation(w, operation)
	case isServer && r.Method == http.MethodGet:
		d.read(w, server)
	case isServer && r.Method == http.MethodPut:
		d.restore(w, r, server)
	case isServer && r.Method == http.MethodDelete:
		d.delete(w, server)
	case strings.Contains(r.URL.Path, "/resourceGroups/") && !strings.Contains(r.URL.Path, "/resourceGroups/"+ResourceGroup+"/"):
		deny(w, http.StatusNotFound, "ResourceGroupNotFound", "Resource group could not be found.")
	default:
		deny(w, http.StatusNotFound, "InvalidResourceType", "The resource type could not be found.")
	}
}

// authority gives tokens, by OAuth 2.0's client credentials.
func (d *Azure) authority(w http.ResponseWriter, r *http.Request) {
	base := d.Endpoint + "/" + TenantID
	switch {
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		tell(w, http.StatusOK, map[string]any{
			"issuer": base + "/v2.0", "token_endpoint": base + "/oauth2/v2.0/token", "authorization_endpoint": base + "/oauth2/v2.0/authorize",
		})
	case r.Method != http.MethodPost || r.ParseForm() != nil:
		w.WriteHeader(http.StatusNotFound)
	case r.Form.Get("grant_type") != "client_credentials" || r.Form.Get("client_id") != ClientID || r.Form.Get("client_secret") != ClientSecret ||
		!strings.Contains(r.Form.Get("scope"), "/.default"):
		tell(w, http.StatusUnauthorized, map[string]any{
			"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided.",
		})
	default:
		tell(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": token})
	}
}

func (d *Azure) restore(w http.ResponseWriter, r *http.Request, name string) {
	var body struct {
		Location   string            `json:"location"`
		Tags       map[string]string `json:"tags"`
		Properties struct {
			CreateMode     string            `json:"createMode"`
			Source         string            `json:"sourceServerResourceId"`
			PointInTimeUTC time.Time         `json:"pointInTimeUTC"`
			Network        map[string]string `json:"network"`
		} `json:"properties"`
	}
	text, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(text, &body)
	}
	p := body.Properties
	switch {
	case err != nil || p.CreateMode != "PointInTimeRestore" || p.Source != home+Source || body.Location != location:
		deny(w, http.StatusBadRequest, "InvalidParameterValue", "The request is no restore of "+Source+".")
		return
	case p.PointInTimeUTC.Before(d.Earliest) || p.PointInTimeUTC.After(time.Now().Add(ahead)):
		deny(w, http.StatusBadRequest, "InvalidParameterValue", "pointInTimeUTC is out of range.")
		return
	case d.Public.Load() != (p.Network["delegatedSubnetResourceId"] == ""):
		deny(w, http.StatusBadRequest, "InvalidParameterValue", "Private access is restored to private access only, and public to public.")
		return
	}
	asked := map[string]string{"createMode": p.CreateMode, "pointInTimeUTC": p.PointInTimeUTC.Format(time.RFC3339)}
	maps.Copy(asked, p.Network)
	if !d.begin(name, p.PointInTimeUTC, body.Tags, asked) {
		d.t.Errorf("a server that exists would be changed: PUT %s", name)
		deny(w, http.StatusConflict, "ServerIsBusy", "The server is busy with another operation.")
		return
	}
	d.accept(w, "restore-"+name)
}

// accept tells of an operation that goes on.
func (d *Azure) accept(w http.ResponseWriter, operation string) {
	query := "?" + url.Values{"api-version": {apiVersion}}.Encode()
	w.Header().Set("Azure-AsyncOperation", d.Endpoint+operations+operation+query)
	w.Header().Set("Location", d.Endpoint+results+operation+query)
	w.Header().Set("Retry-After", "1")
	tell(w, http.StatusAccepted, map[string]any{"operation": operation, "startTime": time.Now().UTC()})
}

func (d *Azure) operation(w http.ResponseWriter, id string) {
	name, ok := strings.CutPrefix(id, "restore-")
	found, exists := d.get(name)
	if !ok || !exists {
		deny(w, http.StatusNotFound, "ResourceNotFound", "There is no operation "+id+".")
		return
	}
	d.looked(name)
	state := map[string]any{"name": id, "startTime": time.Now().UTC(), "status": "InProgress"}
	switch found.status {
	case available:
		state["status"] = "Succeeded"
	case failed:
		state["status"] = "Failed"
		state["error"] = map[string]string{"code": "InternalServerError", "message": failure}
	}
	tell(w, http.StatusOK, state)
}

func (d *Azure) read(w http.ResponseWriter, name string) {
	d.look()
	found, ok := d.get(name)
	if !ok || found.asked != nil && found.looks < int(d.VisibleAfter.Load()) {
		deny(w, http.StatusNotFound, "ResourceNotFound",
			"The Resource 'Microsoft.DBforPostgreSQL/flexibleServers/"+name+"' under resource group '"+ResourceGroup+"' was not found.")
		return
	}
	words := map[status]string{creating: "Provisioning", available: "Ready", failed: "Provisioning", deleting: "Dropping"}
	properties := map[string]any{"state": words[found.status], "version": "15", "minorVersion": "4"}
	if name == Source {
		properties["backup"] = map[string]any{
			"backupRetentionDays": 7, "geoRedundantBackup": "Disabled", "earliestRestoreDate": d.Earliest.UTC(),
		}
		properties["network"] = map[string]any{"publicNetworkAccess": "Enabled"}
		if !d.Public.Load() {
			properties["network"] = map[string]any{
				"publicNetworkAccess": "Disabled", "delegatedSubnetResourceId": Subnet, "privateDnsZoneArmResourceId": PrivateDNSZone,
			}
		}
	}
	if found.status == available {
		properties["fullyQualifiedDomainName"] = found.host
	}
	tell(w, http.StatusOK, map[string]any{
		"id": home + name, "name": name, "type": "Microsoft.DBforPostgreSQL/flexibleServers",
		"location": location, "tags": found.tags, "properties": properties,
	})
}

func (d *Azure) delete(w http.ResponseWriter, name string) {
	if _, ok := d.get(name); !ok {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if !d.end(name) {
		deny(w, http.StatusConflict, "ServerIsBusy", "The server is busy with another operation.")
		return
	}
	d.accept(w, "drop-"+name)
}

// deny writes an error as Resource Manager has it.
func deny(w http.ResponseWriter, status int, code, message string) {
	tell(w, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}

func tell(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
