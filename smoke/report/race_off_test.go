//go:build !race

package report

// slowness is that of a program as it is.
const slowness = 1
