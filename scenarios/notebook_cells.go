package scenarios

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image/png"
	"strings"
)

// savedCell is what we read of a cell of a notebook's file. Source: nbformat 4.5.
type savedCell struct {
	Type    string    `json:"cell_type"`
	Source  multiline `json:"source"`
	Count   *int      `json:"execution_count"`
	Outputs []struct {
		Text multiline                  `json:"text"`
		Data map[string]json.RawMessage `json:"data"`
	} `json:"outputs"`
}

// multiline is text that a notebook's file holds as a string or as a list of lines.
type multiline string

// UnmarshalJSON reads either.
func (m *multiline) UnmarshalJSON(data []byte) error {
	var lines []string
	if json.Unmarshal(data, &lines) == nil {
		*m = multiline(strings.Join(lines, ""))
		return nil
	}
	return json.Unmarshal(data, (*string)(m))
}

// codeCells are a notebook's code cells that are not empty: the page sends no execution for those.
func codeCells(notebook json.RawMessage) ([]savedCell, error) {
	var nb struct{ Cells []savedCell }
	if err := json.Unmarshal(notebook, &nb); err != nil {
		return nil, err
	}
	var code []savedCell
	for _, c := range nb.Cells {
		if c.Type == "code" && strings.TrimSpace(string(c.Source)) != "" {
			code = append(code, c)
		}
	}
	return code, nil
}

// text is what the cell has printed.
func (c savedCell) text() string {
	var b strings.Builder
	for _, o := range c.Outputs {
		b.WriteString(string(o.Text))
	}
	return strings.TrimSpace(b.String())
}

// data is what the cell has displayed of one MIME type.
func (c savedCell) data(mime string) string {
	for _, o := range c.Outputs {
		var m multiline
		if json.Unmarshal(o.Data[mime], &m) == nil {
			return string(m)
		}
	}
	return ""
}

// unsaved says what of the executed cells is not in the notebook's file, or nothing.
func unsaved(code []savedCell) string {
	for i, c := range code {
		if c.Count == nil {
			return fmt.Sprintf("code cell %d of %d as if it had not run", i+1, len(code))
		}
	}
	return ""
}

// unsaved says what of the suite's own notebook is not in its file, or nothing.
func (p paper) unsaved(code []savedCell) string {
	if missing := unsaved(code); missing != "" {
		return missing
	}
	if len(code) != p.cells() {
		return fmt.Sprintf("%d code cells", len(code))
	}
	picture, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(code[1].data("image/png")))
	size, err := png.DecodeConfig(bytes.NewReader(picture))
	switch rich := code[2]; {
	case code[0].text() != p.want:
		return fmt.Sprintf("the output %.200q", code[0].text())
	case err != nil || size.Width != p.image.Width || size.Height != p.image.Height:
		return "another picture, or none"
	case !strings.Contains(rich.data("text/html"), p.table.Text), !strings.Contains(rich.data("text/markdown"), p.markdown.Text),
		!strings.Contains(rich.data("image/svg+xml"), "<svg"):
		return "without its HTML, its Markdown or its SVG"
	}
	return ""
}
