package binder

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// Providers asks which repository providers BinderHub offers, by their ids ("gh", "gl", …). supported is false where
// BinderHub is older than this interface (May 2024) and answers with its page. Source: binderhub/repoproviders.py.
func (c *Client) Providers(ctx context.Context) (ids []string, supported bool, err error) {
	subject := "BinderHub's list of repository providers"
	a, err := c.get(ctx, subject, "api/repoproviders")
	if err != nil {
		return nil, false, err
	}
	if a.Status == http.StatusOK && strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") && pageConfig.Match(a.Body) {
		return nil, false, nil
	}
	if err := a.Expect(subject, http.StatusOK, "application/json"); err != nil {
		return nil, true, refusesUs(a, err)
	}
	var list []struct{ ID string }
	if err := json.Unmarshal(a.Body, &list); err != nil || len(list) == 0 {
		return nil, true, a.Fault(subject, wire.Content, "a JSON list of providers", fmt.Sprintf("%.80q", a.Body))
	}
	for _, p := range list {
		ids = append(ids, p.ID)
	}
	return ids, true, nil
}
