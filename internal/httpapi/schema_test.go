package httpapi_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// conforms checks v by as much of JSON Schema as the document uses, and by nothing of huma.
func conforms(doc, schema object, v any) error {
	if ref, ok := schema["$ref"].(string); ok {
		return conforms(doc, doc["components"].(object)["schemas"].(object)[ref[strings.LastIndexByte(ref, '/')+1:]].(object), v)
	}
	if branches, ok := schema["anyOf"].([]any); ok {
		var errs []string
		for _, s := range branches {
			err := conforms(doc, s.(object), v)
			if err == nil {
				return nil
			}
			errs = append(errs, err.Error())
		}
		return fmt.Errorf("none of: %s", strings.Join(errs, "; "))
	}
	types, ok := schema["type"].([]any)
	if !ok {
		types = []any{schema["type"]}
	}
	if !slices.Contains(types, typeOf(v)) && !(typeOf(v) == "integer" && slices.Contains(types, any("number"))) {
		return fmt.Errorf("%v is no %v", v, types)
	}
	if list, ok := schema["enum"].([]any); ok && !slices.Contains(list, v) {
		return fmt.Errorf("%v is none of %v", v, list)
	}
	switch v := v.(type) {
	case string:
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", v); schema["format"] == "date-time" && err != nil {
			return err
		}
	case []any:
		for i, item := range v {
			if err := conforms(doc, schema["items"].(object), item); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
	case object:
		return objectConforms(doc, schema, v)
	}
	return nil
}

func objectConforms(doc, schema, v object) error {
	properties, _ := schema["properties"].(object)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			return fmt.Errorf("no %s", name)
		}
	}
	for name, value := range v {
		s, ok := properties[name].(object)
		if !ok {
			if s, ok = schema["additionalProperties"].(object); !ok {
				return fmt.Errorf("%s is not documented", name)
			}
		}
		if err := conforms(doc, s, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func typeOf(v any) any {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		if v == math.Trunc(v) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}
