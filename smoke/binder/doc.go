// Package binder is a client of BinderHub's HTTP interface: its pages, its health, and the event stream of a launch.
package binder
