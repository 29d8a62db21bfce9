//go:build race

package report

// slowness is how many times longer everything takes under the race detector.
const slowness = 10
