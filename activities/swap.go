package activities

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// CanSwap reports whether the surface can be restored beside itself and swapped;
// fault.Unsupported for one that can't be restored in place at all.
func (a *Activities) CanSwap(_ context.Context, surfaceName string) (bool, error) {
	src, err := a.surface(surfaceName)
	if err != nil {
		return false, err
	}
	if err := surface.InPlace(src.Kind()); err != nil {
		return false, err
	}
	_, ok := src.(Swapper)
	return ok, nil
}

// Swap puts the database that was restored beside the live one in its place.
// It returns the name under which the replaced one is kept.
func (a *Activities) Swap(ctx context.Context, in ServerRef) (string, error) {
	swapper, err := a.swapper(in.Surface)
	if err != nil {
		return "", err
	}
	kept, err := swapper.Swap(ctx, in.RestoreID)
	return kept, fault.While(err, "swap the restored database in")
}

// Discard removes a database that was restored beside the live one and not swapped in.
func (a *Activities) Discard(ctx context.Context, in ServerRef) error {
	swapper, err := a.swapper(in.Surface)
	if err != nil {
		return err
	}
	return swapper.Discard(ctx, in.RestoreID)
}

func (a *Activities) swapper(name string) (Swapper, error) {
	src, err := a.surface(name)
	if err != nil {
		return nil, err
	}
	s, ok := src.(Swapper)
	if !ok {
		return nil, fault.New(fault.Unsupported, "surface %s can't be restored beside itself", name)
	}
	return s, nil
}

// HookInput names the surface whose reload hook is to run, and the point it now holds.
type HookInput struct {
	Surface string `json:"surface"`
	Point   string `json:"point"`
}

// hookTimeout bounds a reload hook.
const hookTimeout = 5 * time.Minute

// ReloadHook runs the surface's reload hook, where it has one, and reports whether it had.
func (a *Activities) ReloadHook(ctx context.Context, in HookInput) (bool, error) {
	hook := a.Config.Surfaces[in.Surface].ReloadHook
	if hook == "" {
		return false, nil
	}
	p := startPulse(ctx, "reload hook", 0)
	defer p.end()
	ctx, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", hook)
	cmd.Env = append(os.Environ(), "LIFEBOAT_SURFACE="+in.Surface, "LIFEBOAT_POINT="+in.Point)
	if out, err := cmd.CombinedOutput(); err != nil {
		return true, fault.Wrap(fault.Unavailable, err, "reload hook of %s said %q", in.Surface, firstLine(out))
	}
	return true, nil
}

func firstLine(out []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line[:min(len(line), 200)]
}
