package web

import (
	"bytes"
	"encoding/base64"
	"html/template"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"

	"binderhub-smoke/smoke"
)

// picture is a step's screenshot on disk.
type picture struct {
	path   string // relative to the report
	failed bool
	size   int64
}

// illustrate takes the target's screenshots into the page, in at most limit bytes: as they are where they fit, at most
// count of them smaller otherwise, those of steps that did not pass first.
func (t *targetView) illustrate(limit, count int) {
	t.pictures = map[string]template.URL{}
	all, sum := t.onDisk()
	shrink := sum > int64(limit)
	if shrink {
		all = all[:min(len(all), count)]
		t.shrunk = len(all)
	}
	for _, p := range all {
		b, kind := load(t.file(p.path), shrink)
		if len(b) == 0 || t.pictureBytes+len(b) > limit {
			continue
		}
		t.pictureBytes += len(b)
		t.pictures[p.path] = template.URL("data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(b))
	}
}

// onDisk lists the screenshots that can be read, with their sizes together.
func (t *targetView) onDisk() (all []picture, sum int64) {
	for _, sc := range t.Scenarios {
		for _, st := range sc.Steps {
			if slices.ContainsFunc(all, func(p picture) bool { return p.path == st.Screenshot }) {
				continue
			}
			info, err := os.Stat(t.file(st.Screenshot))
			if st.Screenshot == "" || err != nil || !info.Mode().IsRegular() || info.Size() > maxPictureFile {
				continue
			}
			all = append(all, picture{st.Screenshot, st.Verdict != smoke.Pass, info.Size()})
			sum += info.Size()
		}
	}
	slices.SortStableFunc(all, func(a, b picture) int {
		switch {
		case a.failed == b.failed:
			return 0
		case a.failed:
			return -1
		}
		return 1
	})
	return all, sum
}

// Bounds of a picture: of its file in bytes, of its sides in pixels.
const (
	maxPictureFile = 16 << 20
	maxSide        = 8192
	shownWidth     = 960
)

// file is where a screenshot lies. A path from a report may lead nowhere else than below it.
func (t *targetView) file(path string) string {
	if !filepath.IsLocal(path) {
		return ""
	}
	return filepath.Join(t.evidence.Root, path)
}

// load reads a picture, and makes it smaller where it is asked to and where it can be.
func load(path string, shrink bool) (b []byte, kind string) {
	b, err := os.ReadFile(path)
	if err != nil || !bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) {
		return nil, ""
	}
	if !shrink {
		return b, "png"
	}
	config, err := png.DecodeConfig(bytes.NewReader(b))
	if err != nil || config.Width > maxSide || config.Height > maxSide {
		return nil, ""
	}
	whole, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, ""
	}
	var out bytes.Buffer
	if jpeg.Encode(&out, smaller(whole), &jpeg.Options{Quality: 60}) != nil || out.Len() >= len(b) {
		return b, "png"
	}
	return out.Bytes(), "jpeg"
}

// smaller halves a picture until it is no wider than is shown, each pixel the mean of four.
func smaller(p image.Image) image.Image {
	whole := image.NewRGBA(image.Rectangle{Max: p.Bounds().Size()})
	draw.Draw(whole, whole.Rect, p, p.Bounds().Min, draw.Src)
	for whole.Rect.Dx() > shownWidth {
		half := image.NewRGBA(image.Rectangle{Max: whole.Rect.Size().Div(2)})
		for y := range half.Rect.Dy() {
			halveRow(half.Pix[y*half.Stride:][:half.Stride], whole.Pix[2*y*whole.Stride:], whole.Stride)
		}
		whole = half
	}
	return whole
}

// halveRow fills a row with the means of two rows that are twice as long.
func halveRow(row, from []byte, stride int) {
	for i := range row {
		k := i/4*8 + i%4
		row[i] = uint8((int(from[k]) + int(from[k+4]) + int(from[stride+k]) + int(from[stride+k+4])) / 4)
	}
}
