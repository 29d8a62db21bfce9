package jupyter

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	"binderhub-smoke/smoke/wire"
)

// WriteFile writes a file into the server's directory, as Lab does when it uploads one. path needs no escaping.
// Source: jupyter_server/services/contents/handlers.py.
func (s *Server) WriteFile(ctx context.Context, path string, content []byte) error {
	subject := "The upload of a file of " + size(len(content))
	c := wire.Call{Subject: subject, Method: http.MethodPut, URL: s.at("api/contents/" + escape(path)), Header: s.header()}
	c.Header.Set("Content-Type", "application/json")
	c.Body = fileModel(content)
	a, err := s.net.Do(ctx, c)
	if err != nil {
		return err
	}
	if a.Status == http.StatusOK {
		return nil
	}
	return a.Expect(subject, http.StatusCreated, "application/json")
}

// fileModel is a file as the contents API takes it. Base64 needs no escaping in JSON, and encoding/json looks for it in megabytes.
func fileModel(content []byte) []byte {
	body := make([]byte, 0, base64.StdEncoding.EncodedLen(len(content))+64)
	body = append(body, `{"type":"file","format":"base64","content":"`...)
	body = base64.StdEncoding.AppendEncode(body, content)
	return append(body, `"}`...)
}

// size is a number of bytes as a person says it.
func size(n int) string {
	if n < 100_000 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// maxFile bounds a file that is read back, as the base64 in its JSON, in bytes.
const maxFile = 32 << 20

// CompareFile reads a file back and compares it with what was written.
func (s *Server) CompareFile(ctx context.Context, path string, want []byte) error {
	subject := "The file that was uploaded"
	a, err := s.net.Do(ctx, wire.Call{
		Subject: subject, URL: s.at("api/contents/" + escape(path) + "?type=file&format=base64"), Header: s.header(), MaxBody: maxFile,
	})
	if err != nil {
		return err
	}
	if err := a.Expect(subject, http.StatusOK, "application/json"); err != nil {
		return err
	}
	if holdsFile(a.Body, want) {
		return nil
	}
	var model struct{ Content []byte }
	if err := json.Unmarshal(a.Body, &model); err != nil {
		return a.Fault(subject, wire.Content, "a file as JSON", err.Error())
	}
	if !bytes.Equal(model.Content, want) {
		return a.Fault(subject, wire.Content, fmt.Sprintf("the %d bytes that were written", len(want)), fmt.Sprintf("%d others", len(model.Content)))
	}
	return nil
}

// holdsFile tells whether a file's model has this content, as base64 in lines or in one. Decoding tells the same, and takes many
// times as long for megabytes: that is for when something else came.
func holdsFile(model, content []byte) bool {
	if len(model) < len(content) {
		return false
	}
	value := make([]byte, 0, base64.StdEncoding.EncodedLen(len(content))+2)
	value = append(value, '"')
	value = base64.StdEncoding.AppendEncode(value, content)
	return len(content) > 0 && bytes.Contains(bytes.ReplaceAll(model, []byte(`\n`), nil), append(value, '"'))
}

// DeleteFile deletes a file.
func (s *Server) DeleteFile(ctx context.Context, path string) error {
	subject := "The deletion of a file"
	a, err := s.call(ctx, subject, http.MethodDelete, "api/contents/"+escape(path), nil)
	if err != nil {
		return err
	}
	return a.Expect(subject, http.StatusNoContent, "")
}
