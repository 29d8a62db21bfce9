package scenarios

import (
	"encoding/json"

	"binderhub-smoke/smoke/browser"
)

// OwnNotebook is a new copy of the suite's own notebook, with the number of its cells and what a person sees of it.
func OwnNotebook() (file json.RawMessage, cells int, sights []browser.Sight) {
	p := newPaper()
	return p.notebook("python3"), p.cells(), p.sights()
}
