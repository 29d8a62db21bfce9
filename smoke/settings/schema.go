package settings

import (
	"bytes"
	"encoding/json"
	"strings"
)

// object is a JSON object.
type object = map[string]any

// Schema is the JSON Schema of the settings file, by which editors complete and check it as it is typed. It knows
// shapes; what only Load can tell, such as whether a scenario or a file is there, it does not.
func Schema() []byte {
	targets := object{"name": object{
		"type": "string", "pattern": targetName.String(), "description": "Names the target in reports; by default its host.",
	}}
	defaults, top := object{}, object{}
	for _, d := range definitions {
		switch {
		case d.scope == ofTarget:
			targets[d.key()], defaults[d.key()] = d.schema(), d.schema()
		case d.scope == ofRun:
			top[d.key()] = d.schema()
		}
	}
	for _, d := range fileOnly {
		targets[d.key()], defaults[d.key()] = d.schema(), d.schema()
	}
	top["defaults"] = closed(defaults, "Settings of every target that does not set its own.")
	top["targets"] = object{"type": "array", "maxItems": maxTargets, "items": closed(targets, "A BinderHub, or a JupyterHub, to test.")}
	root := closed(top, "Settings of a smoke test of BinderHubs.")
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "smoke.yaml"
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(root) // of maps, slices and texts only
	return b.Bytes()
}

// closed is an object that has no other keys.
func closed(properties object, description string) object {
	return object{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false, "description": description}
}

// schema is that of one setting's value.
func (d *definition) schema() object {
	s := d.shape()
	s["description"] = strings.ReplaceAll(d.help, "`", "")
	if d.fallback != "" && !d.path {
		s["default"] = d.fallback
	}
	return s
}

func (d *definition) shape() object {
	switch {
	case d.begin != nil:
		items := d.keys()
		items["required"] = keysOf(d.within)
		return object{"type": "array", "items": items, "maxItems": maxListed}
	case d.takePair != nil && d.secret:
		return object{"type": "object", "additionalProperties": referenceShape()}
	case d.takePair != nil:
		return object{"type": "object", "additionalProperties": d.scalar()}
	case d.secret:
		return referenceShape()
	case d.within != nil:
		return d.keys()
	case d.sequence:
		return object{"type": "array", "items": d.scalar(), "maxItems": maxListed}
	case d.list:
		return object{"anyOf": []object{d.scalar(), {"type": "array", "items": d.scalar(), "minItems": 1}}}
	}
	return d.scalar()
}

// keys is the object of a setting that has keys and no value of its own.
func (d *definition) keys() object {
	properties := object{}
	for _, inner := range d.within {
		properties[inner.key()] = inner.schema()
	}
	return object{"type": "object", "properties": properties, "additionalProperties": false}
}

// referenceShape is a secret's: where it is to be had.
func referenceShape() object {
	text := object{"type": "string", "minLength": 1}
	return object{
		"type": "object", "properties": object{"env": text, "file": text}, "additionalProperties": false,
		"minProperties": 1, "maxProperties": 1,
	}
}

// scalar is one text. What YAML takes for a number or a truth value is a text to us too.
func (d *definition) scalar() object {
	switch {
	case d.enum != nil:
		return object{"enum": d.enum}
	case d.pattern == durationPattern:
		return object{"anyOf": []object{{"type": "string", "pattern": d.pattern}, {"const": 0}}}
	case d.pattern != "":
		return object{"type": "string", "pattern": d.pattern}
	}
	return object{"type": []string{"string", "number", "boolean"}}
}
