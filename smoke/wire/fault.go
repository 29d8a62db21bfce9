package wire

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Symptom is the machine's word for what was wrong with an exchange, or with what a step made of it. It names what was
// seen, never why: causes are the diagnosis's.
type Symptom string

// Symptoms of the network, set by this package.
const (
	DNSNotFound     Symptom = "dns-not-found"       // the resolver says the name does not exist
	DNSFailed       Symptom = "dns-failed"          // the resolver did not answer, or with an error
	TCPRefused      Symptom = "tcp-refused"         // connection refused
	TCPTimeout      Symptom = "tcp-timeout"         // no answer to the connection attempt
	TCPUnreachable  Symptom = "tcp-unreachable"     // no route to the address
	TLSExpired      Symptom = "tls-expired"         // certificate outside its validity
	TLSName         Symptom = "tls-name"            // certificate for other names
	TLSAuthority    Symptom = "tls-authority"       // certificate of an unknown authority
	TLSFailed       Symptom = "tls-failed"          // any other trouble of the handshake
	Reset           Symptom = "reset"               // connection reset by the peer
	EOF             Symptom = "eof"                 // connection ended before the answer was complete
	Timeout         Symptom = "timeout"             // the step's time was over before the answer was complete
	Cancelled       Symptom = "cancelled"           // we were told to stop
	TooLarge        Symptom = "too-large"           // the answer passed a bound of ours
	Malformed       Symptom = "malformed"           // not the protocol that was asked for
	UpgradeRefused  Symptom = "upgrade-refused"     // websocket handshake answered otherwise than 101 (or 200 over HTTP/2)
	SubprotocolLost Symptom = "subprotocol-missing" // 101 without the subprotocol that was offered
	TLSExpiring     Symptom = "tls-expiring"        // certificate that is valid, but not for long
	SocketLost      Symptom = "socket-lost"         // websocket ended though nobody closed it
	QuietCut        Symptom = "quiet-cut"           // the same, while nobody spoke over it; a busy one beside it lived on
	ClientFailed    Symptom = "client-failed"       // our own side failed: no browser, a full disk
)

// Symptoms of answers that were complete, set by the clients and scenarios above this package.
const (
	Status       Symptom = "status"        // an HTTP status other than the expected
	ContentType  Symptom = "content-type"  // another type of content than asked for
	Content      Symptom = "content"       // the right type, but not the expected content
	Redirected   Symptom = "redirected"    // a redirect where there should be none, or to the wrong place
	PhaseFailed  Symptom = "phase-failed"  // BinderHub's stream said "failed"
	StreamEnded  Symptom = "stream-ended"  // the stream ended before "ready" or "failed"
	Stalled      Symptom = "stalled"       // connected, but nothing moves
	Buffered     Symptom = "buffered"      // events arrive in a heap, not as they happen
	NoReply      Symptom = "no-reply"      // the kernel or terminal took the message and never replied
	KernelDead   Symptom = "kernel-dead"   // the server says that the kernel is dead or restarting
	CellError    Symptom = "cell-error"    // the cell raised
	WrongOutput  Symptom = "wrong-output"  // the cell ran and its output is not what it must be
	NotRendered  Symptom = "not-rendered"  // the output came over the wire and is not on the screen
	PageError    Symptom = "page-error"    // an uncaught error, a dialog or a blank page in the browser
	Crashed      Symptom = "crashed"       // a tab or the browser crashed
	StillRunning Symptom = "still-running" // the server was told to stop and still answers
	Hanging      Symptom = "hanging"       // the server was told to stop, answers no more, and its process does not end
	Unreached    Symptom = "unreached"     // what a user pod should reach did not answer it
	Reached      Symptom = "reached"       // what a user pod must not reach did answer it
	Unexpected   Symptom = "unexpected"    // another version, or without something that the settings expect
	Unavailable  Symptom = "unavailable"   // something the suite itself needs is missing
	Occupied     Symptom = "occupied"      // the user's one server is another's
)

// Fault is a failed expectation: the error that clients and scenarios return for whatever is wrong outside the suite. It
// reads as one sentence for the person on call and names the exchanges that prove it. It is an error by pointer.
type Fault struct {
	// Subject begins the sentence: "The launch's event stream".
	Subject string  `json:"subject"`
	URL     string  `json:"url,omitempty"`
	Symptom Symptom `json:"symptom"`
	// Want and Got complete it: "wants 200 text/html", "got 502 text/html".
	Want string `json:"want"`
	Got  string `json:"got"`
	// Exchanges prove it; the first is the one that decided.
	Exchanges []ExchangeID `json:"exchanges,omitempty"`
	// At is when it was seen, since the run began, where it is not the end of an exchange that shows it: a page may go wrong
	// long after its document has come. Zero elsewhere.
	At time.Duration `json:"at,omitempty"`
	// Inconclusive is set when the fault says nothing about the deployment: we could not test.
	Inconclusive bool `json:"inconclusive,omitempty"`
	// Err is the underlying error, if any.
	Err error `json:"-"`
}

// Error says subject, URL, expected and got in one line of printable text.
func (f *Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.Subject)
	if f.URL != "" {
		fmt.Fprintf(&b, " at %s", f.URL)
	}
	fmt.Fprintf(&b, ": expected %s, got %s", f.Want, f.Got)
	return strings.Map(printable, b.String())
}

// printable keeps what a server said from moving a terminal's cursor, or beginning a line of its own.
func printable(c rune) rune {
	if unicode.IsPrint(c) {
		return c
	}
	return ' '
}

// Unwrap returns the underlying error.
func (f *Fault) Unwrap() error { return f.Err }
