// Package browser drives one tab of a real Chromium as a person would, and writes everything that the DevTools protocol
// tells about it into the target's timeline. It is the only importer of chromedp.
//
// Three parts work together. A listener copies protocol events into a bounded queue and does nothing else, because it runs
// in chromedp's reader loop. The recorder takes them from there, one at a time, turns them into records and keeps what the
// waits need to know: which sockets are open, which messages a kernel has answered, and the first fault it saw. The methods
// of Browser act on the page and wait for the recorder's state: they end at the first proof of a fault, not at a timeout.
package browser
