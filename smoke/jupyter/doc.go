// Package jupyter is a client of one user server: its REST interface, and the websocket of a kernel.
package jupyter
