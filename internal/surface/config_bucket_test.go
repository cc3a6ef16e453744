package surface

import (
	"slices"
	"testing"
)

func TestBucketProblems(t *testing.T) {
	t.Parallel()
	days := -1
	for name, c := range map[string]struct {
		bucket   Bucket
		settings []string
	}{
		"s3":                        {Bucket{Kind: "s3", Name: "b"}, nil},
		"s3 with everything":        {Bucket{Kind: "s3", Name: "b", Prefix: "a/b", Region: "r", Endpoint: "https://h:1", PathStyle: new(bool), AccessKeyID: "a", SecretAccessKey: "s", RestoreTo: RestoreTo{Bucket: "c", Prefix: "x"}}, nil},
		"azure":                     {Bucket{Kind: "azure", Container: "c", ConnectionString: "x"}, nil},
		"gcs":                       {Bucket{Kind: "gcs", Name: "b", CredentialsFile: "f"}, nil},
		"no kind":                   {Bucket{Name: "b"}, []string{"kind"}},
		"a folder is no bucket":     {Bucket{Kind: "local", Name: "b"}, []string{"kind"}},
		"s3 without bucket":         {Bucket{Kind: "s3"}, []string{"bucket"}},
		"azure without container":   {Bucket{Kind: "azure", ConnectionString: "x"}, []string{"container"}},
		"azure without credentials": {Bucket{Kind: "azure", Container: "c"}, []string{"connectionString"}},
		"azure with a bucket":       {Bucket{Kind: "azure", Name: "b", Container: "c", ConnectionString: "x"}, []string{"bucket"}},
		"gcs with a region":         {Bucket{Kind: "gcs", Name: "b", Region: "r"}, []string{"region"}},
		"a key without its secret":  {Bucket{Kind: "s3", Name: "b", AccessKeyID: "a"}, []string{"secretAccessKey"}},
		"a secret without its key":  {Bucket{Kind: "s3", Name: "b", SecretAccessKey: "a"}, []string{"accessKeyId"}},
		"a password in the URL":     {Bucket{Kind: "s3", Name: "b", Endpoint: "https://u:p@h"}, []string{"endpoint"}},
		"no URL":                    {Bucket{Kind: "s3", Name: "b", Endpoint: "h:1"}, []string{"endpoint"}},
		"negative days":             {Bucket{Kind: "s3", Name: "b", NoncurrentDays: &days}, []string{"noncurrentDays"}},
		"leading slash":             {Bucket{Kind: "s3", Name: "b", Prefix: "/a"}, []string{"prefix"}},
		"doubled slash":             {Bucket{Kind: "s3", Name: "b", RestoreTo: RestoreTo{Prefix: "a//b"}}, []string{"restoreTo.prefix"}},
		"copies over what is live":  {Bucket{Kind: "s3", Name: "b", Prefix: "a/b", RestoreTo: RestoreTo{Prefix: "a"}}, []string{"restoreTo.prefix"}},
		"copies in another bucket":  {Bucket{Kind: "s3", Name: "b", Prefix: "a/b", RestoreTo: RestoreTo{Bucket: "c", Prefix: "a"}}, nil},
		"copies below what is live": {Bucket{Kind: "s3", Name: "b", Prefix: "a", RestoreTo: RestoreTo{Prefix: "a/copies"}}, nil},
	} {
		var got []string
		for _, p := range c.bucket.problems() {
			got = append(got, p.Setting)
		}
		if !slices.Equal(got, c.settings) {
			t.Errorf("%s: problems with %q, want %q", name, got, c.settings)
		}
	}
}

func TestBucketDefaults(t *testing.T) {
	t.Parallel()
	c := Bucket{Kind: BucketAzure, Container: "c", Prefix: "p/q/"}
	if c.Holder() != "c" || c.LivePrefix() != "p/q/" || c.Promised() != 90 || c.Copies() != (RestoreTo{"c", ".lifeboat-restores/"}) {
		t.Errorf("%q %q %d %+v", c.Holder(), c.LivePrefix(), c.Promised(), c.Copies())
	}
	none := 0
	c = Bucket{Kind: BucketS3, Name: "b", NoncurrentDays: &none, RestoreTo: RestoreTo{"other", "x/y"}}
	if c.Holder() != "b" || c.LivePrefix() != "" || c.Promised() != 0 || c.Copies() != (RestoreTo{"other", "x/y/"}) {
		t.Errorf("%q %q %d %+v", c.Holder(), c.LivePrefix(), c.Promised(), c.Copies())
	}
}
