package settings

import "strings"

// nearest returns the candidate most like name, or "" when none is near: of three letters at most one may differ, and what all
// names of a kind begin with does not count.
func nearest(name string, candidates []string) string {
	best, least := "", 0
	for _, c := range candidates {
		a, b := ownLetters(name), ownLetters(c)
		if d := edits(a, b); 3*d <= max(len(a), len(b)) && (best == "" || d < least) {
			best, least = c, d
		}
	}
	return best
}

// ownLetters is a name without what makes it a flag or a variable of ours.
func ownLetters(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "--"), "SMOKE_")
}

// edits is the Levenshtein distance of two short ASCII texts.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// didYouMean completes a sentence about an unknown name.
func didYouMean(name string, candidates []string) string {
	if len(name) > 64 {
		return ""
	}
	if n := nearest(name, candidates); n != "" {
		return "; did you mean " + n + "?"
	}
	return ""
}
