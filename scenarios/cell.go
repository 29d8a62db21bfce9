package scenarios

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"

	"binderhub-smoke/smoke/jupyter"
	"binderhub-smoke/smoke/wire"
)

// cell is code whose output cannot be guessed, and cannot come from a cache.
type cell struct{ code, want string }

func newCell() cell {
	nonce := rand.Text()
	return cell{
		code: fmt.Sprintf("import hashlib\nprint('smoke', hashlib.sha256(b'%s').hexdigest())", nonce),
		want: fmt.Sprintf("smoke %x", sha256.Sum256([]byte(nonce))),
	}
}

// check compares an output with what the cell must print.
func (c cell) check(channel *jupyter.Channel, out jupyter.Output) error {
	if strings.TrimSpace(out.Text) == c.want {
		return nil
	}
	return channel.Fault(wire.WrongOutput, fmt.Sprintf("the output %q", c.want), fmt.Sprintf("%.200q", out.Text))
}
