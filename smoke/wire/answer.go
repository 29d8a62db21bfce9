package wire

import (
	"fmt"
	"net/http"
	"strings"
)

// Answer is a complete answer. Its body was read up to the call's bound.
type Answer struct {
	Exchange  ExchangeID
	URL       string // without secrets, for people
	Status    int
	Reason    string // as sent; empty over HTTP/2
	Proto     string
	Header    http.Header
	Body      []byte
	Truncated bool

	redact *Redactor
}

// Fault returns the fault that this answer proves.
func (a *Answer) Fault(subject string, symptom Symptom, want, got string) *Fault {
	f := &Fault{Subject: subject, URL: a.URL, Symptom: symptom, Want: want, Got: got, Exchanges: []ExchangeID{a.Exchange}}
	if a.redact != nil { // what was got may quote the answer: a redirect's target, a page
		f.Want, f.Got = a.redact.String(want), a.redact.String(got)
	}
	return f
}

// Describe says status, reason phrase, content type and server in a few words: "502 Bad Gateway, text/html, from nginx".
func (a *Answer) Describe() string {
	text := fmt.Sprintf("%d %s", a.Status, a.Reason)
	if a.Reason == "" {
		text = fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status))
	}
	if ct := a.Header.Get("Content-Type"); ct != "" {
		text += ", " + ct
	}
	if s := a.Header.Get("Server"); s != "" {
		text += ", from " + s
	}
	return text
}

// Expect returns nil when the answer has the status and a content type of that prefix, else the fault.
func (a *Answer) Expect(subject string, status int, contentType string) error {
	want := fmt.Sprintf("%d %s", status, contentType)
	switch {
	case a.Status != status:
		return a.Fault(subject, Status, want, a.Describe())
	case !strings.HasPrefix(strings.ToLower(a.Header.Get("Content-Type")), contentType):
		return a.Fault(subject, ContentType, want, a.Describe())
	}
	return nil
}
