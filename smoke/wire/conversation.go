package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// conversation is an exchange of a raw client.
type conversation struct {
	net     *Network
	id      ExchangeID
	client  Client
	subject string
	url     string
	trace   *trace
	resp    *http.Response // once its head has come
}

// head takes and records the head of the answer.
func (x *conversation) head(ctx context.Context, resp *http.Response) {
	x.resp = resp
	x.net.cfg.Timeline.Redactor().LearnCookies(resp.Header)
	x.add(ctx, KindResponse, Response{
		Status: resp.StatusCode, Reason: reason(resp), Proto: resp.Proto, Header: resp.Header, Remote: x.trace.remoteAddress(),
	})
}

// answer is the answer as far as its head tells it.
func (x *conversation) answer() *Answer {
	return &Answer{
		Exchange: x.id, URL: x.shown(), Status: x.resp.StatusCode, Reason: reason(x.resp), Proto: x.resp.Proto, Header: x.resp.Header,
		redact: x.net.cfg.Timeline.Redactor(),
	}
}

// shown is the URL as people may see it: build tokens travel in URLs.
func (x *conversation) shown() string { return x.net.cfg.Timeline.Redactor().String(x.url) }

// reason is the reason phrase as it came, without the number that net/http puts before it.
func reason(resp *http.Response) string {
	_, phrase, _ := strings.Cut(resp.Status, " ")
	return phrase
}

func (x *conversation) readBody(ctx context.Context, c Call, a *Answer) error {
	limit := c.MaxBody
	if limit == 0 {
		limit = defaultMaxBody
	}
	plain, err := decoded(x.resp)
	if err == nil {
		a.Body, err = io.ReadAll(io.LimitReader(plain, limit+1))
	}
	if int64(len(a.Body)) > limit {
		a.Body, a.Truncated = a.Body[:limit], true
	}
	x.add(ctx, KindBody, Body{Bytes: int64(len(a.Body)), Prefix: window(a.Body, maxBodyPrefix), Truncated: a.Truncated})
	if err != nil {
		return x.fail(ctx, err, "the answer's whole body")
	}
	return nil
}

func (x *conversation) add(ctx context.Context, kind Kind, data any) {
	x.net.cfg.Timeline.Add(ctx, x.client, x.id, kind, data)
}

func (x *conversation) close(ctx context.Context, c Close) {
	x.net.cfg.Timeline.Close(ctx, x.client, x.id, c)
}

// fail closes the exchange and returns the fault that says why.
func (x *conversation) fail(ctx context.Context, err error, want string) *Fault {
	symptom, text := Classify(ctx, err), x.text(err)
	if symptom == Timeout && ctx.Err() != nil && x.resp == nil {
		symptom, text = x.trace.stuck()
	}
	x.close(ctx, Close{Symptom: symptom, Error: text})
	return &Fault{
		Subject: x.subject, URL: x.shown(), Symptom: symptom, Want: want, Got: text,
		Exchanges: []ExchangeID{x.id}, Inconclusive: symptom == Cancelled, Err: err,
	}
}

// text says what an error means to a person, without secrets.
func (x *conversation) text(err error) string {
	return x.net.cfg.Timeline.Redactor().Cut(innermost(err), maxText)
}

// innermost drops the wrapping that repeats the method and the URL.
func innermost(err error) string {
	var timeout net.Error
	var wrapped *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "nothing before the time was over"
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Sprintf("a line or an event of more than %d bytes", maxEvent)
	case errors.As(err, &wrapped):
		return innermost(wrapped.Err)
	case errors.As(err, &timeout):
		return timeout.Error()
	}
	return err.Error()
}
