package browser

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"binderhub-smoke/smoke/wire"
)

// Bounds of what is kept of one execution, in bytes, and of their number.
const (
	maxOutput     = 256 << 10
	maxCode       = 4 << 10
	maxExecutions = 10_000
)

// Cell is one execution that the page asked the kernel for, as the kernel's websocket shows it.
type Cell struct {
	Request  string // the message id
	Code     string // its first 4 KiB
	Status   string // of the reply: ok, error or aborted
	Count    int    // execution count
	Output   string // streams and the plain text of results, in order; at most 256 KiB
	Error    string // "ZeroDivisionError: division by zero"
	Exchange wire.ExchangeID
	Sent     time.Duration // since the run began
	Done     time.Duration // when reply and idle had both come
}

// Executed is what RunAll saw, in the order in which the cells were sent.
type Executed struct{ Cells []Cell }

// execution is a Cell under way.
type execution struct {
	Cell
	socket      *socket
	reply, idle bool
}

func (x *execution) final() bool { return x.reply && x.idle }

// kernel is what this visit's kernel sockets have shown.
type kernel struct {
	infos      map[string]*execution // kernel_info requests
	ready      bool                  // one of them was answered, and the kernel idle after it
	executions []*execution
	byID       map[string]*execution
}

func (k *kernel) reset() {
	*k = kernel{infos: map[string]*execution{}, byID: map[string]*execution{}}
}

// owes tells whether a socket has been sent executions that are not final.
func (k *kernel) owes(s *socket) bool {
	for _, x := range k.executions {
		if x.socket == s && !x.final() {
			return true
		}
	}
	return false
}

func (r *recorder) kernelMessage(s *socket, d wire.Direction, m message, at time.Duration) {
	if d == wire.Sent {
		r.kernel.sent(s, m, at)
		return
	}
	if m.Type == "status" {
		r.kernelStatus(s, m)
	}
	if x := r.kernel.infos[m.Parent]; x != nil {
		x.received(m, at)
		r.kernel.ready = r.kernel.ready || x.final()
	}
	if x := r.kernel.byID[m.Parent]; x != nil {
		x.received(m, at)
	}
}

// sent notes requests of the page. Silent executions are the page's own business, not a person's cells.
func (k *kernel) sent(s *socket, m message, at time.Duration) {
	switch m.Type {
	case "kernel_info_request":
		if len(k.infos) < maxExecutions {
			k.infos[m.ID] = &execution{socket: s}
		}
	case "execute_request":
		var c struct {
			Code    string `json:"code"`
			Silent  bool   `json:"silent"`
			History *bool  `json:"store_history"`
		}
		if json.Unmarshal(m.Content, &c) != nil || c.Silent || (c.History != nil && !*c.History) || len(k.executions) >= maxExecutions {
			return
		}
		x := &execution{socket: s, Cell: Cell{Request: m.ID, Code: short(c.Code, maxCode), Exchange: s.exchange, Sent: at}}
		k.executions = append(k.executions, x)
		k.byID[m.ID] = x
	}
}

// received takes an answer to a request.
func (x *execution) received(m message, at time.Duration) {
	was := x.final()
	switch m.Type {
	case "execute_reply":
		x.replied(m.Content)
	case "kernel_info_reply":
		x.reply = true
	case "status":
		x.idle = x.idle || executionState(m.Content) == "idle"
	case "stream":
		var c struct{ Text string }
		json.Unmarshal(m.Content, &c)
		x.print(c.Text)
	case "execute_result", "display_data":
		var c struct{ Data map[string]json.RawMessage }
		json.Unmarshal(m.Content, &c)
		x.print(unquote(c.Data["text/plain"]))
	}
	if !was && x.final() {
		x.Done = at
	}
}

func (x *execution) replied(content json.RawMessage) {
	var c struct {
		Status string `json:"status"`
		Count  int    `json:"execution_count"`
		Name   string `json:"ename"`
		Value  string `json:"evalue"`
	}
	json.Unmarshal(content, &c)
	x.reply, x.Status, x.Count = true, c.Status, c.Count
	if c.Name != "" {
		x.Error = short(c.Name+": "+c.Value, 1000)
	}
}

func (x *execution) print(text string) {
	if room := maxOutput - len(x.Output); room > 0 {
		x.Output += strings.ToValidUTF8(text[:min(room, len(text))], "")
	}
}

// kernelStatus raises a fault when the server says that the kernel died.
func (r *recorder) kernelStatus(s *socket, m message) {
	switch state := executionState(m.Content); state {
	case "restarting", "autorestarting", "dead":
		r.raise(&wire.Fault{
			Subject: "The notebook's kernel", URL: s.url, Symptom: wire.KernelDead, Want: "to live",
			Got: fmt.Sprintf("the status %q", state), Exchanges: []wire.ExchangeID{s.exchange},
		})
	}
}

func executionState(content json.RawMessage) string {
	var c struct {
		State string `json:"execution_state"`
	}
	json.Unmarshal(content, &c)
	return c.State
}
