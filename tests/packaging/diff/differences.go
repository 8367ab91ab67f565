package main

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// difference is a value that would change if Argo CD applied what is in Git. A value that is null is not there.
type difference struct {
	Path string `json:"path"`
	Git  any    `json:"git"`
	Live any    `json:"live"`
}

// differences names them, for people; whether there are any is the library's word.
func differences(predicted, live []byte) ([]difference, error) {
	var wanted, there any
	if err := json.Unmarshal(predicted, &wanted); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(live, &there); err != nil {
		return nil, err
	}
	return below("", wanted, there, []difference{}), nil
}

func below(path string, wanted, there any, found []difference) []difference {
	switch wanted := wanted.(type) {
	case map[string]any:
		if there, ok := there.(map[string]any); ok {
			keys := maps.Clone(wanted)
			maps.Copy(keys, there)
			for _, key := range slices.Sorted(maps.Keys(keys)) {
				found = below(path+"/"+escaped(key), wanted[key], there[key], found)
			}
			return found
		}
	case []any:
		if there, ok := there.([]any); ok && len(there) == len(wanted) {
			for i := range wanted {
				found = below(path+"/"+strconv.Itoa(i), wanted[i], there[i], found)
			}
			return found
		}
	}
	if reflect.DeepEqual(wanted, there) {
		return found
	}
	return append(found, difference{Path: path, Git: wanted, Live: there})
}

// escaped is a name as a JSON pointer has it.
func escaped(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
