package notify

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// service is any that shoutrrr knows.
type service struct{ sender *router.ServiceRouter }

func newService(c Config) (*service, error) {
	scheme, _, _ := strings.Cut(c.URL.Reveal(), ":")
	if scheme == "logger" {
		return nil, fault.New(fault.Invalid, "a channel by logger:// tells nobody")
	}
	sender, err := shoutrrr.CreateSender(c.URL.Reveal())
	if err != nil {
		// The library's error repeats the URL.
		return nil, fault.New(fault.Invalid, "the url is not one of a service that shoutrrr knows, such as teams://, telegram:// or ntfy://")
	}
	sender.Timeout = Timeout
	return &service{sender}, nil
}

// Send implements Channel.
func (s *service) Send(ctx context.Context, m Message) error {
	select {
	case err := <-s.sender.SendAsync(m.Subject()+"\n\n"+m.Text(), &types.Params{}):
		return classify(err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answered finds the HTTP status in what services say of an answer. A number
// after a colon or a dot is rather a port, or of an address.
var answered = regexp.MustCompile(`(?:^|[^:.\w])([45]\d\d)(?:[^.\w]|$)`)

// classify makes an error that shows nothing of the URL, in which services have
// their tokens.
func classify(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, router.ErrServiceTimeout) {
		return fault.New(fault.Unavailable, "the channel did not answer in %s", Timeout)
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		return fault.Wrap(fault.Unavailable, request.Err, "send to the channel")
	}
	if found := answered.FindStringSubmatch(err.Error()); found != nil {
		code, unread := strconv.Atoi(found[1])
		if unread == nil {
			return refusal(code)
		}
	}
	return fault.New(fault.Unavailable, "the channel did not take the message")
}
