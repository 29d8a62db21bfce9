package har

// The types are those of the format; their fields are in its order.

type creator struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// page is one step of a scenario of a target.
type page struct {
	Started string   `json:"startedDateTime"`
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Timings struct{} `json:"pageTimings"`
}

type entry struct {
	PageRef  string   `json:"pageref"`
	Started  string   `json:"startedDateTime"`
	Time     float64  `json:"time"` // milliseconds, as all times here
	Request  request  `json:"request"`
	Response response `json:"response"`
	Cache    struct{} `json:"cache"`
	Timings  timings  `json:"timings"`
	ServerIP string   `json:"serverIPAddress,omitempty"`
	Comment  string   `json:"comment,omitempty"`

	ResourceType string    `json:"_resourceType"`
	Messages     []message `json:"_webSocketMessages,omitempty"`
	Events       []event   `json:"_eventStreamMessages,omitempty"`
	Client       string    `json:"_client"`   // raw, browser or probe
	Role         string    `json:"_role"`     // what the exchange was for
	Exchange     uint64    `json:"_exchange"` // its number in timeline.ndjson
}

type request struct {
	Method      string `json:"method"`
	URL         string `json:"url"`
	HTTPVersion string `json:"httpVersion"`
	Cookies     []pair `json:"cookies"`
	Headers     []pair `json:"headers"`
	QueryString []pair `json:"queryString"`
	HeadersSize int64  `json:"headersSize"`
	BodySize    int64  `json:"bodySize"`
}

type response struct {
	Status      int     `json:"status"` // 0: there was none
	StatusText  string  `json:"statusText"`
	HTTPVersion string  `json:"httpVersion"`
	Cookies     []pair  `json:"cookies"`
	Headers     []pair  `json:"headers"`
	Content     content `json:"content"`
	RedirectURL string  `json:"redirectURL"`
	HeadersSize int64   `json:"headersSize"`
	BodySize    int64   `json:"bodySize"`
	Error       string  `json:"_error,omitempty"`
}

type content struct {
	Size     int64  `json:"size"`
	MimeType string `json:"mimeType"`
	Text     string `json:"text,omitempty"`
	Comment  string `json:"comment,omitempty"`
}

type pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// timings are in milliseconds; -1 where a phase does not apply. SSL is part of connect.
type timings struct {
	Blocked float64 `json:"blocked"`
	DNS     float64 `json:"dns"`
	Connect float64 `json:"connect"`
	SSL     float64 `json:"ssl"`
	Send    float64 `json:"send"`
	Wait    float64 `json:"wait"`
	Receive float64 `json:"receive"`
}

// message is a websocket message as Chrome's developer tools and Playwright write it; its time is in seconds since 1970, and
// the data of a binary one is in base64.
type message struct {
	Type   string  `json:"type"` // send or receive
	Time   float64 `json:"time"`
	Opcode int     `json:"opcode"`
	Data   string  `json:"data"`
	Size   int     `json:"_size"` // in bytes, of which data may hold the first only
}

// event is one event of an event stream, or a comment line, at a time in seconds since 1970.
type event struct {
	Time    float64 `json:"time"`
	Data    string  `json:"data"`
	Comment bool    `json:"_comment,omitempty"`
}
