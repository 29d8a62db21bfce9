package binder

import (
	"context"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"binderhub-smoke/smoke/wire"
)

// encodedSpec holds the characters that proxies like to decode, merge or refuse: a slash, an at sign and a colon.
const encodedSpec = "smoke-test/encoded%2Fslash%40at%3Acolon/HEAD"

// Encoded asks for a launch page whose path holds encoded characters, and looks at what BinderHub received: the audience
// of the page's build token is the path as it arrived (binderhub/main.py). Nothing is launched. applies is false where the
// provider takes no such path, or the page has no token to look at.
func (c *Client) Encoded(ctx context.Context, provider string) (applies bool, err error) {
	if !slices.Contains([]string{"gh", "gl", "git"}, provider) {
		return false, nil
	}
	sent := provider + "/" + encodedSpec
	page, err := c.Page(ctx, "v2/"+sent)
	if err != nil {
		return true, err
	}
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(page.Config.BuildToken, &claims); err != nil {
		return false, nil // BinderHubs of before build tokens
	}
	if arrived := strings.Join(claims.Audience, " "); arrived != sent {
		return true, page.Answer.Fault("A path with encoded characters", wire.Content, sent+" as BinderHub sees it", arrived)
	}
	return true, nil
}
