package browser

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// member is a process of Chromium's. The time of its start, in the kernel's ticks, tells it from a later one of its number.
type member struct {
	pid   int
	start string
}

// family finds Chromium's processes: those that were started with its temporary directory, and all below them. The former are
// its main process and two crashpad handlers, which start sessions of their own and end a moment after everything else.
func family(dir string) []member {
	entries, err := os.ReadDir("/proc")
	if err != nil || dir == "" {
		return nil
	}
	var found []member
	children := map[int][]member{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		m, parent, ok := examine(pid)
		switch {
		case !ok || pid == os.Getpid():
		case inherited(pid, "TMPDIR="+dir):
			found = append(found, m)
		default:
			children[parent] = append(children[parent], m)
		}
	}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].pid]...)
	}
	return found
}

// examine reads a process's start and parent from /proc/<pid>/stat, unless it has ended. The second field is its name in
// parentheses, which may itself hold blanks and parentheses. Source: proc(5).
func examine(pid int) (m member, parent int, ok bool) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return member{}, 0, false
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const state, parentID, startTime = 0, 1, 19
	if len(fields) <= startTime || fields[state] == "Z" || fields[state] == "X" {
		return member{}, 0, false
	}
	parent, err = strconv.Atoi(fields[parentID])
	return member{pid, fields[startTime]}, parent, err == nil
}

// inherited tells whether a process was started with an entry in its environment. Those that Chromium's zygotes fork overwrite
// theirs with their titles.
func inherited(pid int, entry string) bool {
	environ, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	return err == nil && slices.Contains(strings.Split(string(environ), "\x00"), entry)
}

func (m member) alive() bool {
	now, _, ok := examine(m.pid)
	return ok && now == m
}

func (m member) kill() {
	if m.alive() {
		_ = syscall.Kill(m.pid, syscall.SIGKILL) // it may have ended meanwhile
	}
}
