package settings

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// badYAML is why and where a text is not YAML that we read.
type badYAML struct {
	line, column int
	why          string
}

// Bounds of the settings file's shape. What we read has four levels; the parser recurses, so depth is bounded before it.
const (
	maxDepth  = 16
	maxTokens = 100_000
)

// parseYAML returns the only document of a text, nil if it is empty. Anchors, aliases, tags and merge keys are refused:
// defaults make them needless, and without them no small file can grow large.
func parseYAML(content []byte) (root ast.Node, bad *badYAML) {
	if !utf8.Valid(content) {
		return nil, &badYAML{why: "it is not UTF-8 text"}
	}
	if bad := flat(content); bad != nil {
		return nil, bad
	}
	defer func() { // the parser has panicked on texts that nobody would write
		if r := recover(); r != nil {
			root, bad = nil, &badYAML{why: "it cannot be parsed"}
		}
	}()
	tokens := lexer.Tokenize(string(content))
	if bad := checkTokens(tokens); bad != nil {
		return nil, bad
	}
	parsed, err := parser.Parse(tokens, 0)
	if err != nil {
		return nil, syntax(err)
	}
	return onlyDocument(parsed)
}

// flat bounds what the lexer and parser take long for: very long lines, and indentation that only deep nesting has.
func flat(content []byte) *badYAML {
	n := 0
	for line := range strings.SplitSeq(string(content), "\n") {
		n++
		text := strings.TrimLeft(line, " -?:[{\t")
		if len(line)-len(text) > 8*maxDepth {
			return &badYAML{n, 1, "it is nested too deep"}
		}
		if len(line) > 16<<10 {
			return &badYAML{n, 1, "the line is too long"}
		}
	}
	return nil
}

// checkTokens refuses what we do not read, before anything is built of it.
func checkTokens(tokens token.Tokens) *badYAML {
	if len(tokens) > maxTokens {
		return &badYAML{why: fmt.Sprintf("it has more than %d parts", maxTokens)}
	}
	depth := 0
	for _, t := range tokens {
		why := ""
		switch t.Type {
		case token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType, token.MappingKeyType, token.DirectiveType:
			why = "anchors, aliases, tags, merge keys and directives are not read here"
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		}
		if depth > maxDepth {
			why = "it is nested too deep"
		}
		if why != "" {
			return &badYAML{t.Position.Line, t.Position.Column, why}
		}
	}
	return nil
}

func syntax(err error) *badYAML {
	var e yaml.Error
	if !errors.As(err, &e) {
		return &badYAML{why: err.Error()}
	}
	bad := &badYAML{why: e.GetMessage()}
	if t := e.GetToken(); t != nil && t.Position != nil {
		bad.line, bad.column = t.Position.Line, t.Position.Column
	}
	return bad
}

func onlyDocument(parsed *ast.File) (ast.Node, *badYAML) {
	var body ast.Node
	for _, doc := range parsed.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType || doc.Body.Type() == ast.CommentGroupType:
		case body != nil:
			at := doc.Body.GetToken().Position
			return nil, &badYAML{at.Line, at.Column, "it must be one document, and a second one begins here"}
		default:
			body = doc.Body
		}
	}
	return body, nil
}

// pairs yields the keys and values of a mapping. Nothing is an empty mapping.
func (f *file) pairs(n ast.Node, what string) iter.Seq2[item, ast.Node] {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case nil, *ast.NullNode:
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		f.problems.add(f.where(n), "%s must be keys with values; got %s", what, kind(n))
	}
	return func(yield func(item, ast.Node) bool) {
		for _, v := range values {
			key, ok := scalar(v.Key)
			if !ok {
				f.problems.add(f.where(v.Key), "a key must be one text; got %s", kind(v.Key))
				continue
			}
			if !yield(item{text: key, where: f.where(v.Key)}, v.Value) {
				return
			}
		}
	}
}

// scalar is the text of a node as it was written, without quotes; a number or on and off are texts too.
func scalar(n ast.Node) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return strings.TrimSpace(v.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// kind names a node for people.
func kind(n ast.Node) string {
	switch n.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys with values"
	case *ast.SequenceNode:
		return "a list"
	}
	if text, ok := scalar(n); ok {
		return shown(text)
	}
	return "something else"
}
