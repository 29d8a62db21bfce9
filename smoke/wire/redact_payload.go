package wire

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// secretHeaders lose their values whole. Set-Cookie keeps the cookie's name and attributes.
var secretHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Xsrftoken", "X-Csrftoken", "X-Api-Key"}

// secretHeaderWords mark the headers of gateways that carry credentials, such as Cf-Access-Client-Secret.
var secretHeaderWords = []string{"token", "secret", "password", "api-key", "apikey"}

// Bounds of what is kept of a message's header.
const (
	maxHeaderName  = 256
	maxHeaderValue = 1024
	maxHeaderBytes = 32 << 10
	droppedHeaders = "(dropped)" // no header can have this name
)

// Header returns a copy of h without secrets. What is beyond 32 KiB is counted, not kept.
func (r *Redactor) Header(h http.Header) http.Header {
	if h == nil {
		return nil
	}
	out := make(http.Header, len(h))
	size, dropped := 0, 0
	for _, name := range slices.Sorted(maps.Keys(h)) {
		key := r.Cut(http.CanonicalHeaderKey(name), maxHeaderName)
		for _, v := range h[name] {
			if size > maxHeaderBytes {
				dropped++
				continue
			}
			v = r.headerValue(key, v)
			size += len(key) + len(v)
			out[key] = append(out[key], v)
		}
	}
	if dropped > 0 {
		out[droppedHeaders] = []string{strconv.Itoa(dropped)}
	}
	return out
}

func (r *Redactor) headerValue(name, value string) string {
	switch {
	case secretHeader(name, value):
		return Redacted
	case name == "Set-Cookie":
		cookie, attributes, more := strings.Cut(value, ";")
		key, _, named := strings.Cut(cookie, "=")
		if !named {
			return Redacted
		}
		if more {
			attributes = ";" + attributes
		}
		return r.Cut(key+"="+Redacted+attributes, maxHeaderValue)
	}
	return r.Cut(value, maxHeaderValue)
}

// secretHeader tells whether a header's value is a credential by the header's name. Numbers are none: a rate limit may
// count tokens.
func secretHeader(name, value string) bool {
	if slices.Contains(secretHeaders, name) {
		return true
	}
	name = strings.ToLower(name)
	for _, word := range secretHeaderWords {
		if strings.Contains(name, word) {
			_, err := strconv.Atoi(value)
			return err != nil
		}
	}
	return false
}

// Payload returns a copy of a record's payload in which every text is redacted and cut to its bound. Events and frames,
// of which there are many, do without reflection.
func (r *Redactor) Payload(data any) any {
	switch v := data.(type) {
	case Body:
		v.Prefix = r.Cut(v.Prefix, maxBodyPrefix)
		return v
	case Frame:
		v.Data = r.Cut(v.Data, maxFrameData)
		return v
	case Event:
		v.Data = r.Cut(v.Data, maxText)
		return v
	}
	v := reflect.ValueOf(data)
	if !v.IsValid() {
		return data
	}
	return r.walk(v).Interface()
}

var (
	headerType = reflect.TypeFor[http.Header]()
	timeType   = reflect.TypeFor[time.Time]()
)

// walk copies a value, redacting its strings.
func (r *Redactor) walk(v reflect.Value) reflect.Value {
	switch {
	case v.Type() == timeType:
		return v
	case v.Type() == headerType:
		return reflect.ValueOf(r.Header(v.Interface().(http.Header)))
	}
	switch v.Kind() {
	case reflect.String:
		out := reflect.New(v.Type()).Elem()
		out.SetString(r.Cut(v.String(), maxText))
		return out
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(r.walk(v.Elem()))
		return out
	case reflect.Slice:
		return r.walkSlice(v)
	case reflect.Struct:
		out := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Field(i).Kind() != reflect.Interface {
				out.Field(i).Set(r.walk(v.Field(i)))
			}
		}
		return out
	}
	return v
}

func (r *Redactor) walkSlice(v reflect.Value) reflect.Value {
	if v.IsNil() {
		return v
	}
	out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
	for i := range v.Len() {
		out.Index(i).Set(r.walk(v.Index(i)))
	}
	return out
}
