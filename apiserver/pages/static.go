package pages

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io/fs"
	"maps"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

//go:embed static
var staticFiles embed.FS

// asset is one file that pages load, as it is and packed.
type asset struct {
	mime        string
	plain, gzip []byte
}

// assets are the static files. Each is served under a name that has its digest
// in it, so browsers may keep it for ever.
type assets struct {
	// files by the names they are served under; urls by their own names.
	files map[string]asset
	urls  map[string]string
}

func loadAssets() (assets, error) {
	a := assets{files: map[string]asset{}, urls: map[string]string{}}
	entries, err := fs.ReadDir(staticFiles, "static")
	if err != nil {
		return a, fault.Wrap(fault.Internal, err, "read the static files")
	}
	for _, entry := range entries {
		name := entry.Name()
		text, err := fs.ReadFile(staticFiles, "static/"+name)
		if err != nil {
			return a, fault.Wrap(fault.Internal, err, "read %s", name)
		}
		packed, err := pack(text)
		if err != nil {
			return a, fault.Wrap(fault.Internal, err, "pack %s", name)
		}
		extension := path.Ext(name)
		kind := mime.TypeByExtension(extension)
		if kind == "" {
			kind = "text/plain; charset=utf-8"
		}
		served := strings.TrimSuffix(name, extension) + "-" + seal.SHA256(text)[:16] + extension
		a.files[served] = asset{mime: kind, plain: text, gzip: packed}
		a.urls[name] = "/static/" + served
	}
	return a, nil
}

func pack(text []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	return out.Bytes(), err
}

// url is where a static file is served.
func (a assets) url(name string) (string, error) {
	if url, ok := a.urls[name]; ok {
		return url, nil
	}
	return "", fault.New(fault.Internal, "there is no static file %s", name)
}

// sheets are where the style sheets are served, style.css first.
func (a assets) sheets() []string {
	out := []string{a.urls["style.css"]}
	for _, name := range slices.Sorted(maps.Keys(a.urls)) {
		if path.Ext(name) == ".css" && name != "style.css" {
			out = append(out, a.urls[name])
		}
	}
	return out
}

// serve answers with a static file. Only these are packed: a packed page would
// tell by its length what stands in it.
func (a assets) serve(c echo.Context) error {
	file, ok := a.files[c.Param("name")]
	if !ok {
		return echo.ErrNotFound
	}
	h := c.Response().Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := file.plain
	if strings.Contains(c.Request().Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = file.gzip
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	return c.Blob(http.StatusOK, file.mime, body)
}
