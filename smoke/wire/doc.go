// Package wire is the suite's only way to the network. Its clients (HTTP, event stream, websocket) and the browser write
// what they see as records of one kind into one append-only timeline per target; everything else the suite says is a
// function of that timeline.
package wire
