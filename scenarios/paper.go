package scenarios

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"image/color"
	"strings"

	"binderhub-smoke/smoke/browser"
)

// paper is the suite's own notebook: cells that print, that draw and that display what a browser must typeset. What comes
// of each cannot be guessed.
type paper struct {
	cell
	image, svg, table, markdown browser.Sight
	draw, rich                  string // the sources of the cells that make them
}

func newPaper() paper {
	p := paper{cell: newCell()}
	seed := sha256.Sum256([]byte(p.want))
	p.image = picture("the image", seed[:14])
	p.svg = picture("the SVG drawing", seed[14:28])
	word := func(salt string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(p.want+salt)))[:16] }
	p.table = browser.Sight{What: "the HTML table", Text: word("html"), Inside: "table"}
	p.markdown = browser.Sight{What: "the Markdown table", Text: word("markdown"), Inside: "table"}
	p.draw = fmt.Sprintf(drawing, p.image.Width, p.image.Height, colors(p.image))
	p.rich = fmt.Sprintf(displays, p.want, p.svg.Width, p.svg.Height, colors(p.svg))
	return p
}

// picture is one of a size and of colours that a seed of 14 bytes says.
func picture(what string, seed []byte) browser.Sight {
	s := browser.Sight{What: what, Width: 80 + int(seed[0]%64), Height: 60 + int(seed[1]%64)}
	for i := range s.Quarters {
		s.Quarters[i] = color.RGBA{R: seed[2+3*i], G: seed[3+3*i], B: seed[4+3*i], A: 255}
	}
	return s
}

// colors are a picture's as Python writes them.
func colors(s browser.Sight) string {
	var out []string
	for _, c := range s.Quarters {
		out = append(out, fmt.Sprintf("(%d, %d, %d)", c.R, c.G, c.B))
	}
	return strings.Join(out, ", ")
}

// drawing makes a PNG of four quarters with Python's standard library alone. Source of the format: RFC 2083.
const drawing = `import base64, struct, zlib
from IPython.display import display
w, h, colors = %d, %d, [%s]
def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
rows = b''.join(b'\0' + b''.join(bytes(colors[2 * (2 * y >= h) + (2 * x >= w)]) for x in range(w)) for y in range(h))
png = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', w, h, 8, 2, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')
display({'image/png': base64.b64encode(png).decode()}, raw=True)`

// displays show an HTML table, a Markdown table and an SVG drawing of four quarters.
const displays = `import hashlib
from IPython.display import display
word = lambda salt: hashlib.sha256(('%s' + salt).encode()).hexdigest()[:16]
w, h, colors = %d, %d, [%s]
quarters = ''.join(f'<rect x="{i %% 2 * w / 2}" y="{i // 2 * h / 2}" width="{w / 2}" height="{h / 2}" fill="rgb{c}"/>' for i, c in enumerate(colors))
display({'text/html': f'<table><tr><th>HTML</th><td>{word("html")}</td></tr></table>'}, raw=True)
display({'text/markdown': f'| Markdown |\n|---|\n| {word("markdown")} |'}, raw=True)
display({'image/svg+xml': f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}">{quarters}</svg>'}, raw=True)`

// sources are the notebook's cells.
func (p paper) sources() []string { return []string{p.code, p.draw, p.rich} }

func (p paper) cells() int { return len(p.sources()) }

// sights are what a person sees of the notebook once it has run.
func (p paper) sights() []browser.Sight {
	return []browser.Sight{{Text: p.want}, p.image, p.table, p.markdown, p.svg}
}

// notebook is the file. Source: nbformat 4.5.
func (p paper) notebook(kernel string) json.RawMessage {
	var cells []any
	for i, source := range p.sources() {
		cells = append(cells, map[string]any{
			"id": fmt.Sprintf("smoke-%d", i+1), "cell_type": "code", "metadata": struct{}{}, "source": source, "outputs": []any{},
			"execution_count": nil,
		})
	}
	spec := map[string]string{"name": kernel, "display_name": kernel, "language": "python"}
	data, _ := json.Marshal(map[string]any{ // strings and numbers only: it cannot fail
		"nbformat": 4, "nbformat_minor": 5, "metadata": map[string]any{"kernelspec": spec}, "cells": cells,
	})
	return data
}
