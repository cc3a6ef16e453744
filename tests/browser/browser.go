// Package browser drives a real Chromium for tests of the admin pages: it loads
// pages as a person's browser would, with the content security policy in force,
// takes pictures of them, and has axe look for what keeps people out.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// patience is how long a page may take to show what is waited for. A loaded
// machine is slow, and a page that never shows it fails by it all the same.
const patience = 2 * time.Minute

// Page is one tab, with cookies of its own.
type Page struct {
	//nolint:containedctx // a tab is a context in chromedp
	tab  context.Context
	base string

	mu       sync.Mutex
	problems []string
}

// Sizes of the window: a desk's and a phone's.
var (
	Desk  = Size{1280, 900}
	Phone = Size{390, 844}
)

// Size is that of a window, in CSS pixels.
type Size struct{ Width, Height int64 }

// Open starts a Chromium that ends with the test, and opens an empty tab in it.
// Paths of pages are below base. What the browser complains of, such as a
// breach of the content security policy or a script that fails, fails the test.
func Open(t testing.TB, base string) *Page {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: make setup installs it")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(patience),
		chromedp.WindowSize(int(Desk.Width), int(Desk.Height)),
		// The tests may run as root, and in a container with a small /dev/shm.
		chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("lang", "en-GB"),
		// Everything is on this machine: nothing is looked for outside.
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("no-first-run", true),
	)
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	tab, closeTab := chromedp.NewContext(allocated)
	t.Cleanup(closeTab)
	p := &Page{tab: tab, base: strings.TrimSuffix(base, "/")}
	if err := chromedp.Listen(tab, p.hear); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	p.Do(t, "listen to the browser", call(log.Enable, cdp.Empty{}), call(runtime.Enable, cdp.Empty{}),
		call(emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "UTC"}))
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, problem := range p.problems {
			t.Errorf("the browser complains: %s", problem)
		}
	})
	return p
}

// call sends one command of the browser's protocol.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, command, params)
		return err
	})
}

// hear keeps what the browser complains of. That a page was refused is no
// complaint: tests ask for such pages.
func (p *Page) hear(event any) {
	problem := ""
	switch event := event.(type) {
	case *log.EventEntryAdded:
		if e := event.Entry; e.Level == log.EntryLevelError && e.Source != log.EntrySourceNetwork {
			problem = e.Text
		}
	case *runtime.EventExceptionThrown:
		problem = event.ExceptionDetails.Text
	case *runtime.EventConsoleAPICalled:
		if event.Type == runtime.ConsoleAPICalledTypeError {
			problem = fmt.Sprintf("console.error: %s", event.Args[0].Value)
		}
	}
	if problem == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, problem)
}

// Do runs actions of chromedp within the patience of a test.
func (p *Page) Do(t testing.TB, what string, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.fails(t, what, err)
	}
}

// fails ends a test with a picture of the page, and what it says.
func (p *Page) fails(t testing.TB, what string, err error) {
	t.Helper()
	p.Picture(t, "failed-"+strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()))
	t.Fatalf("%s: %v; %s says: %s", what, err, p.Path(t), p.Text(t, "body"))
}

// Go loads a page by its path.
func (p *Page) Go(t testing.TB, path string) {
	t.Helper()
	p.Do(t, "go to "+path, chromedp.Navigate(p.base+path))
}

// Click clicks on the first element that a CSS selector finds, once it shows.
func (p *Page) Click(t testing.TB, selector string) {
	t.Helper()
	p.Do(t, "click on "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Submit clicks on what sends a form, and waits for the page that follows.
func (p *Page) Submit(t testing.TB, selector string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible)); err != nil {
		p.fails(t, "submit by "+selector, err)
	}
}

// Fill replaces what a field holds, also the choice of a list, and lets the page know.
func (p *Page) Fill(t testing.TB, selector, text string) {
	t.Helper()
	p.Do(t, "find "+selector, chromedp.WaitReady(chromedp.CSS(selector)))
	const set = `(() => { const e = document.querySelector(%q); e.value = %q;
		for (const kind of ["input", "change"]) e.dispatchEvent(new Event(kind, {bubbles: true}));
		return e.value })()`
	if got := evaluate[string](t, p, fmt.Sprintf(set, selector, text)); got != text {
		t.Errorf("%s takes %q in place of %q", selector, got, text)
	}
}

// Press sends keys to what has the focus, as the keyboard does.
func (p *Page) Press(t testing.TB, keys string) {
	t.Helper()
	p.Do(t, "press keys", chromedp.KeyEvent(keys))
}

// Enter presses the Enter key on an element, as who has no mouse does, and
// waits for the page that follows, if one does.
func (p *Page) Enter(t testing.TB, selector string) {
	t.Helper()
	p.Do(t, "press Enter on "+selector, chromedp.SendKeys(chromedp.CSS(selector), kb.Enter))
}

// Width is how wide the page is, in CSS pixels, also beyond the window.
func (p *Page) Width(t testing.TB) int64 {
	t.Helper()
	return evaluate[int64](t, p, "document.documentElement.scrollWidth")
}

// Text is what an element shows, empty when there is none.
func (p *Page) Text(t testing.TB, selector string) string {
	t.Helper()
	return evaluate[string](t, p, fmt.Sprintf(`(document.querySelector(%q) || {innerText: ""}).innerText`, selector))
}

// Count is how many elements there are.
func (p *Page) Count(t testing.TB, selector string) int {
	t.Helper()
	return evaluate[int](t, p, fmt.Sprintf(`document.querySelectorAll(%q).length`, selector))
}

// Path is the path and the query of the page that shows.
func (p *Page) Path(t testing.TB) string {
	t.Helper()
	return strings.TrimPrefix(evaluate[string](t, p, "location.href"), p.base)
}

// evaluate works on pages without scripts, too.
func evaluate[T any](t testing.TB, p *Page, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Errorf("evaluate %s: %v", expression, err)
	}
	return got
}

// Sees waits until an element shows a text.
func (p *Page) Sees(t testing.TB, selector, text string) {
	t.Helper()
	ask := fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => (e.innerText ?? e.textContent).includes(%q))`, selector, text)
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	for {
		// The page may be replaced by another one meanwhile, which ends an evaluation.
		if seen, err := chromedp.Run(ctx, chromedp.Evaluate[bool](ask)); err == nil && seen {
			return
		}
		select {
		case <-ctx.Done():
			p.fails(t, fmt.Sprintf("wait until %s shows %q", selector, text), ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Resize makes the window as large as a desk's or a phone's.
func (p *Page) Resize(t testing.TB, size Size) {
	t.Helper()
	p.Do(t, "resize", call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: size.Width, Height: size.Height, DeviceScaleFactor: 1, Mobile: size == Phone,
	}))
}

// Dark has pages shown as they are to who prefers dark ones, or not.
func (p *Page) Dark(t testing.TB, dark bool) {
	t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	p.Do(t, "prefer "+scheme, call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}))
}

// Scripts switches scripts of pages on or off.
func (p *Page) Scripts(t testing.TB, on bool) {
	t.Helper()
	p.Do(t, "switch scripts", call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}))
}

// Picture takes a picture of the whole page into test-output/pages/NAME.png.
func (p *Page) Picture(t testing.TB, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	beyond := true
	picture, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &beyond})
	dir := filepath.Join(servers.Root(t), "test-output", "pages")
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), picture.Data, 0o644)
	}
	if err != nil {
		t.Errorf("take a picture: %v", err)
	}
}
