package binder

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"binderhub-smoke/smoke/wire"
)

// Versions compares what BinderHub says of its own versions with what is expected: each text must be in the value of its
// key, such as "binderhub" or "builder". An old deployment that still answers is found by it. Source: binderhub/base.py.
func (c *Client) Versions(ctx context.Context, expected map[string]string) error {
	subject := "BinderHub's version"
	a, err := c.get(ctx, subject, "versions")
	if err != nil {
		return err
	}
	if err := a.Expect(subject, http.StatusOK, "application/json"); err != nil {
		return err
	}
	var versions map[string]any
	if err := json.Unmarshal(a.Body, &versions); err != nil {
		return a.Fault(subject, wire.Content, "JSON", err.Error())
	}
	for _, key := range slices.Sorted(maps.Keys(expected)) {
		got, told := versions[key]
		if !told {
			got = "nothing of it, only of " + strings.Join(slices.Sorted(maps.Keys(versions)), ", ")
		}
		if want := expected[key]; !told || !strings.Contains(fmt.Sprint(got), want) {
			return a.Fault(subject, wire.Unexpected, fmt.Sprintf("%s %s", key, want), first(fmt.Sprint(got), 80))
		}
	}
	return nil
}
