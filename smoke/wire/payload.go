package wire

import (
	"net/http"
	"time"
)

// Type tells what kind of conversation an exchange is.
type Type string

// The types of exchanges.
const (
	TypeHTTP      Type = "http"      // one request and its answer
	TypeStream    Type = "stream"    // an event stream, such as BinderHub's /build
	TypeWebSocket Type = "websocket" // from the handshake to the close
)

// Role tells what an exchange was for: which of the target's places its URL lies in.
type Role string

// The roles. User servers live on the hub host.
const (
	RoleBinder Role = "binder-host" // BinderHub's page, /build, /health …
	RoleHub    Role = "hub-host"    // JupyterHub and its proxy
	RoleServer Role = "user-server" // …/user/<name>/… on the hub host
	RoleOther  Role = "other"       // third parties; they never fail a deployment
)

// Open begins an exchange.
type Open struct {
	Type   Type   `json:"type"`
	Role   Role   `json:"role"`
	Method string `json:"method"`
	URL    string `json:"url"`
	// Resource is the browser's resource type (Document, Script, Fetch, WebSocket …); empty for raw clients.
	Resource string        `json:"resource,omitempty"`
	At       time.Duration `json:"-"`
}

// DNS is one name lookup.
type DNS struct {
	Host      string   `json:"host"`
	Addresses []string `json:"addresses,omitempty"`
	// Override is set when SMOKE_RESOLVE answered instead of the resolver.
	Override bool          `json:"override,omitempty"`
	Seconds  Seconds       `json:"seconds"`
	Error    string        `json:"error,omitempty"`
	At       time.Duration `json:"-"`
}

// TCP is one attempt to connect to one address.
type TCP struct {
	Address string        `json:"address"`
	Seconds Seconds       `json:"seconds"`
	Error   string        `json:"error,omitempty"`
	At      time.Duration `json:"-"`
}

// TLS is one TLS handshake, with the certificates the server sent, leaf first.
type TLS struct {
	ServerName   string        `json:"server_name"`
	Version      string        `json:"version,omitempty"`
	ALPN         string        `json:"alpn,omitempty"`
	Certificates []Certificate `json:"certificates,omitempty"`
	Seconds      Seconds       `json:"seconds"`
	Error        string        `json:"error,omitempty"`
	At           time.Duration `json:"-"`
}

// Certificate is what a person on call needs of an X.509 certificate.
type Certificate struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	DNSNames  []string  `json:"dns_names,omitempty"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
}

// Request is what was sent. Header values that carry credentials are redacted.
type Request struct {
	Method string        `json:"method"`
	URL    string        `json:"url"`
	Header http.Header   `json:"header,omitempty"`
	Bytes  int64         `json:"bytes,omitempty"`
	At     time.Duration `json:"-"`
}

// Response is the head of an answer. Status 101 of an HTTP/1.1 handshake and 200 of an RFC 8441 one both open a websocket.
type Response struct {
	Status int `json:"status"`
	// Reason is the reason phrase as sent; HTTP/2 has none, and CHP sends none on websocket errors.
	Reason string        `json:"reason,omitempty"`
	Proto  string        `json:"proto,omitempty"`
	Header http.Header   `json:"header,omitempty"`
	Remote string        `json:"remote,omitempty"` // address that answered, host:port
	At     time.Duration `json:"-"`
}

// Body is what followed the head: its length, and its first bytes as text.
type Body struct {
	Bytes int64 `json:"bytes"`
	// Prefix holds at most 2,048 bytes.
	Prefix string `json:"prefix,omitempty"`
	// Truncated is set when the client stopped reading at its bound.
	Truncated bool          `json:"truncated,omitempty"`
	At        time.Duration `json:"-"`
}

// Event is one event, or one comment line, of an event stream.
type Event struct {
	// Comment marks a comment line such as BinderHub's ":keepalive".
	Comment bool          `json:"comment,omitempty"`
	Data    string        `json:"data,omitempty"`
	At      time.Duration `json:"-"`
}

// Direction of a frame, seen from the client.
type Direction string

// The directions of frames.
const (
	Sent     Direction = "sent"
	Received Direction = "received"
)

// Opcode of a websocket frame, RFC 6455 section 5.2.
type Opcode int

// The opcodes that occur.
const (
	OpText   Opcode = 1
	OpBinary Opcode = 2
	OpClose  Opcode = 8
	OpPing   Opcode = 9
	OpPong   Opcode = 10
)

// Frame is one websocket message or control frame: its size in bytes and the first 512 of them.
type Frame struct {
	Direction Direction `json:"direction"`
	Opcode    Opcode    `json:"opcode"`
	Size      int       `json:"size"`
	// Data holds the first 512 bytes, with bytes that are not UTF-8 text replaced.
	Data string        `json:"data,omitempty"`
	At   time.Duration `json:"-"`
}

// Console is a line of the browser's console, or an uncaught error of a page (level "exception"), or an entry of the
// browser's own log (level "log-error").
type Console struct {
	Level string        `json:"level"`
	Text  string        `json:"text"`
	URL   string        `json:"url,omitempty"`
	At    time.Duration `json:"-"`
}

// Names of notes.
const (
	NoteRun     = "run"     // the first record: what this is a timeline of; Note.Run is set
	NoteEnd     = "end"     // the last record of a timeline that was closed in order
	NoteStep    = "step"    // a step ended; Note.Step is set
	NoteDropped = "dropped" // records were dropped at a cap; Text says how many and why
	NoteCrash   = "crash"   // a tab or the browser crashed
	NoteFact    = "fact"    // something a client learned that is not on the wire, such as "kernel said starting"
)

// Note is a record in words. Notes with an exchange belong to it.
type Note struct {
	Name string        `json:"name"`
	Text string        `json:"text,omitempty"`
	Step *StepEnd      `json:"step,omitempty"`
	Run  *RunStart     `json:"run,omitempty"`
	At   time.Duration `json:"-"`
}

// Schema is the version of timeline.ndjson. Later versions with this number add fields and change none.
const Schema = 1

// RunStart says what a timeline is of, so that it can be read without its report.
type RunStart struct {
	Schema  int       `json:"schema"`
	Target  string    `json:"target"`
	Binder  string    `json:"binder"`
	Hub     string    `json:"hub,omitempty"` // as it was known when the run began
	Started time.Time `json:"started"`       // by the clock of the machine that ran it
}

// StepEnd is how a step ended, as the engine notes it. The diagnosis starts from these.
type StepEnd struct {
	Verdict string `json:"verdict"`
	Error   string `json:"error,omitempty"`
	Fault   *Fault `json:"fault,omitempty"`
}

// Close ends an exchange. An exchange without one was still open when the timeline ended.
type Close struct {
	// Symptom is empty when the exchange ended as it should; see Symptom.
	Symptom Symptom `json:"symptom,omitempty"`
	Error   string  `json:"error,omitempty"`
	// Code and Reason are those of a websocket's close frame; 1006 when there was none.
	Code   int           `json:"code,omitempty"`
	Reason string        `json:"reason,omitempty"`
	At     time.Duration `json:"-"`
}
