package managedtest

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// What the double of RDS knows.
const (
	Region      = "eu-central-1"
	AccessKeyID = "AKIDEXAMPLE"
)

// RDS is a double of Amazon RDS: its query protocol of 2014-10-31, with
// requests signed by Signature Version 4 and answers in XML.
type RDS struct {
	*Cloud
	// Endpoint is the URL of the double.
	Endpoint string
	// Signed checks the signature of a request, where not nil; that it has one
	// of the right form, key and scope is always checked.
	Signed func(r *http.Request, body []byte) bool
	// Earlier are automated backups that are told before those of the source.
	Earlier []AutomatedBackup
	ca      string
}

// NewRDS starts the double.
func NewRDS(cloud *Cloud) *RDS {
	cloud.t.Helper()
	double := &RDS{Cloud: cloud}
	double.Endpoint, double.ca = serve(cloud.t, double)
	return double
}

// Config is that of the source, without a secret.
func (d *RDS) Config() managed.Config {
	return managed.Config{
		Kind: managed.KindRDS, Instance: Source, Region: Region, AccessKeyID: AccessKeyID,
		Endpoint: d.Endpoint, CAFile: d.ca,
	}
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/` + Region +
	`/rds/aws4_request, SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*x-amz-date[a-z0-9;-]*, Signature=[0-9a-f]{64}$`)

func (d *RDS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	signature := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	form, err := url.ParseQuery(string(body))
	switch {
	case err != nil || r.Method != http.MethodPost || form.Get("Version") != "2014-10-31":
		refuse(w, http.StatusBadRequest, "InvalidQueryParameter", "not a request of 2014-10-31")
	case signature == nil:
		refuse(w, http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	case signature[1] != AccessKeyID:
		refuse(w, http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	case d.Signed != nil && !d.Signed(r, body):
		refuse(w, http.StatusForbidden, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")
	case d.throttle():
		refuse(w, http.StatusBadRequest, "Throttling", "Rate exceeded")
	default:
		d.act(w, form)
	}
}

func (d *RDS) act(w http.ResponseWriter, form url.Values) {
	switch action := form.Get("Action"); action {
	case "DescribeDBInstances":
		d.look()
		name := form.Get("DBInstanceIdentifier")
		found, ok := d.get(name)
		if !ok {
			refuse(w, http.StatusNotFound, "DBInstanceNotFound", "DBInstance "+name+" not found.")
			return
		}
		answer(w, action, struct {
			DBInstances []DBInstance `xml:"DBInstances>DBInstance"`
		}{[]DBInstance{d.describe(found)}})
	case "DescribeDBInstanceAutomatedBackups":
		d.backups(w, form)
	case "RestoreDBInstanceToPointInTime":
		d.restore(w, form)
	case "DeleteDBInstance":
		d.delete(w, form)
	default:
		refuse(w, http.StatusBadRequest, "InvalidAction", "Could not find operation "+action)
	}
}

// resource is the ID that an instance keeps in its backups.
func resource(name string) string { return "db-" + strings.ToUpper(name) }

func (d *RDS) backups(w http.ResponseWriter, form url.Values) {
	const size = 1
	var all []AutomatedBackup
	if form.Get("DBInstanceIdentifier") == Source {
		status := "active"
		if !d.Has(Source) {
			status = "retained"
		}
		all = append(all, d.Earlier...)
		all = append(all, AutomatedBackup{
			Identifier: Source, Resource: resource(Source), Status: status,
			Earliest: d.Earliest.UTC(), Latest: time.Now().UTC(),
		})
	}
	from, err := strconv.Atoi("0" + form.Get("Marker"))
	if err != nil || from > len(all) {
		refuse(w, http.StatusBadRequest, "InvalidParameterValue", "Marker")
		return
	}
	page := struct {
		Marker  string            `xml:"Marker,omitempty"`
		Backups []AutomatedBackup `xml:"DBInstanceAutomatedBackups>DBInstanceAutomatedBackup"`
	}{Backups: all[from:min(from+size, len(all))]}
	if from+size < len(all) {
		page.Marker = strconv.Itoa(from + size)
	}
	answer(w, form.Get("Action"), page)
}

func (d *RDS) restore(w http.ResponseWriter, form url.Values) {
	var at time.Time
	latest := form.Get("UseLatestRestorableTime") == "true"
	if text := form.Get("RestoreTime"); text != "" {
		parsed, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || latest {
			refuse(w, http.StatusBadRequest, "InvalidParameterCombination", "RestoreTime")
			return
		}
		at = parsed
	} else if !latest {
		refuse(w, http.StatusBadRequest, "InvalidParameterCombination", "Either RestoreTime or UseLatestRestorableTime must be specified.")
		return
	}
	live, retained := form.Get("SourceDBInstanceIdentifier") == Source && d.Has(Source), form.Get("SourceDbiResourceId") == resource(Source)
	switch {
	case !live && !retained:
		refuse(w, http.StatusNotFound, "DBInstanceNotFound", "the source is not found.")
		return
	case !at.IsZero() && (at.Before(d.Earliest) || at.After(time.Now())):
		refuse(w, http.StatusBadRequest, "InvalidParameterValue", "The specified time is outside the restore window.")
		return
	}
	tags := map[string]string{}
	for i := 1; form.Has(fmt.Sprintf("Tags.Tag.%d.Key", i)); i++ {
		tags[form.Get(fmt.Sprintf("Tags.Tag.%d.Key", i))] = form.Get(fmt.Sprintf("Tags.Tag.%d.Value", i))
	}
	name := form.Get("TargetDBInstanceIdentifier")
	asked := map[string]string{}
	for key := range form {
		asked[key] = form.Get(key)
	}
	if !d.begin(name, at, tags, asked) {
		refuse(w, http.StatusBadRequest, "DBInstanceAlreadyExists", "DB instance already exists")
		return
	}
	made, _ := d.get(name)
	answer(w, form.Get("Action"), struct{ DBInstance DBInstance }{d.describe(made)})
}

func (d *RDS) delete(w http.ResponseWriter, form url.Values) {
	name := form.Get("DBInstanceIdentifier")
	found, ok := d.get(name)
	switch {
	case !ok:
		refuse(w, http.StatusNotFound, "DBInstanceNotFound", "DBInstance "+name+" not found.")
	case form.Get("SkipFinalSnapshot") != "true" || form.Get("DeleteAutomatedBackups") != "true":
		refuse(w, http.StatusBadRequest, "InvalidParameterCombination", "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
	case !d.end(name):
		refuse(w, http.StatusBadRequest, "InvalidDBInstanceState", "Instance "+name+" is currently creating - it can't be deleted.")
	default:
		found.status = deleting
		answer(w, form.Get("Action"), struct{ DBInstance DBInstance }{d.describe(found)})
	}
}

func (d *RDS) describe(i instance) DBInstance {
	words := map[status]string{creating: "creating", available: "available", failed: "incompatible-restore", deleting: "deleting"}
	described := DBInstance{
		Identifier: i.name, Status: words[i.status], Resource: resource(i.name),
		SubnetGroup: i.asked["DBSubnetGroupName"], ParameterGroup: i.asked["DBParameterGroupName"],
	}
	if i.name == Source {
		described.SubnetGroup, described.ParameterGroup = "private", "tuned"
		described.SecurityGroups = []SecurityGroup{{"sg-1"}, {"sg-2"}}
		now := time.Now().UTC()
		described.LatestRestorableTime = &now
	}
	if i.status == available {
		described.Endpoint = &Endpoint{i.host, d.PG.Port}
	}
	if i.status == failed {
		described.Info = failure
	}
	for _, key := range slices.Sorted(maps.Keys(i.tags)) {
		described.Tags = append(described.Tags, Tag{key, i.tags[key]})
	}
	return described
}

// answer writes what an action results in, within the elements that the query protocol puts around it.
func answer(w http.ResponseWriter, action string, result any) {
	w.Header().Set("Content-Type", "text/xml")
	e := xml.NewEncoder(w)
	outer := xml.StartElement{Name: xml.Name{Space: "http://rds.amazonaws.com/doc/2014-10-31/", Local: action + "Response"}}
	if e.EncodeToken(outer) == nil && e.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: action + "Result"}}) == nil &&
		e.EncodeToken(outer.End()) == nil {
		_ = e.Flush()
	}
}

// refuse writes an error as the query protocol has it.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName xml.Name `xml:"ErrorResponse"`
		Type    string   `xml:"Error>Type"`
		Code    string   `xml:"Error>Code"`
		Message string   `xml:"Error>Message"`
		ID      string   `xml:"RequestId"`
	}{Type: "Sender", Code: code, Message: message, ID: "b25f48e8-84fd-11e6-80d9-574e0c4664cb"})
}
